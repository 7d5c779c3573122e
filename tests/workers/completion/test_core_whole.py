"""Folding chunks into the whole answer."""

import json
from typing import Any

import pytest

from workers.completion.core.whole import cleaned, whole_of

ID = "chatcmpl-1"


def chunk(delta: dict[str, Any], *, index: int = 0, finish: str | None = None, **more: object) -> bytes:
    choice = {"index": index, "delta": delta, "finish_reason": finish}
    told = {"id": ID, "object": "chat.completion.chunk", "created": 7, "model": "m", "x_seq": 0}
    return json.dumps({**told, "choices": [choice], **more}).encode()


def test_texts_add_up() -> None:
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    payloads = [
        chunk({"role": "assistant", "content": ""}),
        chunk({"reasoning_content": "Hm"}),
        chunk({"content": "Hel"}, service_tier="default"),
        chunk({"content": "lo"}, finish="stop"),
        json.dumps({"model": "m", "created": 7, "choices": [], "usage": usage}).encode(),
    ]

    whole = whole_of(payloads, ID)

    message = whole["choices"][0]["message"]
    assert (message["role"], message["content"], message["reasoning_content"]) == ("assistant", "Hello", "Hm")
    assert whole["choices"][0]["finish_reason"] == "stop"
    assert (whole["id"], whole["object"], whole["created"]) == (ID, "chat.completion", 7)
    assert (whole["usage"], whole["service_tier"]) == (usage, "default")
    assert "x_seq" not in whole


def test_pieces_of_calls_add_up_by_their_index() -> None:
    def piece(index: int, **more: object) -> bytes:
        return chunk({"tool_calls": [{"index": index, **more}]})

    payloads = [
        piece(0, id="call_a", type="function", function={"name": "f", "arguments": ""}),
        piece(1, id="call_b", type="function", function={"name": "g", "arguments": '{"x'}),
        piece(0, function={"arguments": "{}"}),
        piece(1, function={"arguments": '":1}'}),
        chunk({}, finish="tool_calls"),
    ]

    [choice] = whole_of(payloads, ID)["choices"]

    said = [(call["id"], call["function"]) for call in choice["message"]["tool_calls"]]
    assert said == [
        ("call_a", {"name": "f", "arguments": "{}"}),
        ("call_b", {"name": "g", "arguments": '{"x":1}'}),
    ]
    assert choice["message"]["content"] is None


def test_calls_without_an_index_are_told_apart_by_their_ids() -> None:
    payloads = [
        chunk({"tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "1"}}]}),
        chunk({"tool_calls": [{"id": "b", "function": {"name": "g", "arguments": "2"}}]}),
    ]

    calls = whole_of(payloads, ID)["choices"][0]["message"]["tool_calls"]

    assert [call["id"] for call in calls] == ["a", "b"]


def test_choices_are_told_apart() -> None:
    payloads = [chunk({"content": "b"}, index=1), chunk({"content": "a"}), chunk({"refusal": "no"}, index=1)]

    choices = whole_of(payloads, ID)["choices"]

    assert [choice["message"]["content"] for choice in choices] == ["a", "b"]
    assert choices[1]["message"]["refusal"] == "no"


def test_log_probabilities_add_up() -> None:
    def piece(token: str) -> bytes:
        choice = {"index": 0, "delta": {"content": token}, "logprobs": {"content": [{"token": token}]}}
        return json.dumps({"choices": [choice]}).encode()

    whole = whole_of([piece("a"), piece("b")], ID)

    assert [one["token"] for one in whole["choices"][0]["logprobs"]["content"]] == ["a", "b"]


def test_a_whole_answer_stays_as_it_is() -> None:
    answer = {"id": ID, "choices": [{"index": 0, "message": {"role": "assistant", "content": "a"}}], "x": 1}

    assert whole_of([json.dumps(answer).encode()], ID) == answer


def test_halves_of_a_character_in_two_chunks_become_one() -> None:
    payloads = [chunk({"content": "\ud83d"}), chunk({"content": "\ude00"})]

    assert whole_of(payloads, ID)["choices"][0]["message"]["content"] == "😀"


@pytest.mark.parametrize("text", ["a\0b", "a\ud83db"])
def test_what_no_database_takes_is_replaced(text: str) -> None:
    assert cleaned({"a": [{"b": text}]}) == {"a": [{"b": "a\ufffdb"}]}


def test_no_payloads_are_no_answer() -> None:
    with pytest.raises(ValueError, match="without payloads"):
        whole_of([], ID)
