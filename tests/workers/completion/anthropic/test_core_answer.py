"""Whole answers and refusals of Anthropic's as ours."""

import json
from typing import Any

import pytest

from contracts.errors import ApiError, ErrorCode
from contracts.events import Ending, Usage
from tests.workers.completion.anthropic.saying import CREATED, failure
from workers.completion.core import MayPass, refusal, whole_answer
from workers.completion.core.anthropic import completion_of, ours

Json = dict[str, Any]  # two providers' wires, open by nature
TEXT = {"type": "text", "text": "Hi", "citations": None}
CALL = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Rom\u00e9"}}
THOUGHT = {"type": "thinking", "thinking": "Hm", "signature": "sig"}
HIDDEN = {"type": "redacted_thinking", "data": "x"}
TOO_POOR = "Your credit balance is too low to access the Anthropic API."


def message(*blocks: Json, reason: str = "end_turn", **more: object) -> bytes:
    told = {
        "id": "msg_01",
        "type": "message",
        "role": "assistant",
        "model": "claude-opus-4-6",
        "content": list(blocks),
        "stop_reason": reason,
        "stop_sequence": None,
        "usage": {"input_tokens": 11, "cache_read_input_tokens": 3, "output_tokens": 7},
    }
    return json.dumps(told | more).encode()


def answered(*blocks: Json, **more: Any) -> Json:  # as above
    completion: Json = json.loads(completion_of(message(*blocks, **more), CREATED))
    return completion


def spoken(*blocks: Json) -> Json:
    told: Json = answered(*blocks)["choices"][0]["message"]
    return told


def test_a_message_is_a_completion() -> None:
    assert answered(TEXT, {"type": "text", "text": " you"}) == {
        "id": "msg_01",
        "object": "chat.completion",
        "created": CREATED,
        "model": "claude-opus-4-6",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hi you", "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": 14,
            "completion_tokens": 7,
            "total_tokens": 21,
            "prompt_tokens_details": {"cached_tokens": 3},
            "completion_tokens_details": {"reasoning_tokens": 0},
        },
    }


def test_the_worker_takes_it_for_a_whole_answer() -> None:
    body = completion_of(message(TEXT, reason="max_tokens"), CREATED)

    payload, ending = whole_answer(body, "chatcmpl-1", "default")

    assert json.loads(payload)["id"] == "chatcmpl-1"
    assert ending == Ending(
        model="claude-opus-4-6",
        finish_reason="length",
        usage=Usage(input_tokens=14, output_tokens=7, cached_tokens=3),
    )


def test_a_calls_arguments_are_json_text() -> None:
    told = spoken(CALL, CALL | {"id": "toolu_2", "input": {}})

    assert told["content"] is None
    assert [(call["id"], call["type"], call["function"]["name"]) for call in told["tool_calls"]] == [
        ("toolu_1", "function", "weather"),
        ("toolu_2", "function", "weather"),
    ]
    arguments = [json.loads(call["function"]["arguments"]) for call in told["tool_calls"]]
    assert arguments == [{"city": "Rom\u00e9"}, {}]


def test_text_beside_a_call_is_kept() -> None:
    assert spoken(TEXT, CALL)["content"] == "Hi"


def test_thoughts_are_reasoning_and_can_be_sent_back() -> None:
    told = spoken(THOUGHT, HIDDEN, TEXT)

    assert (told["reasoning_content"], told["content"]) == ("Hm", "Hi")
    assert told["thinking_blocks"] == [THOUGHT, HIDDEN]


def test_an_answer_that_says_nothing_is_empty() -> None:
    assert spoken()["content"] == ""


def test_an_answer_may_tell_no_usage() -> None:
    assert "usage" not in answered(TEXT, usage={})


@pytest.mark.parametrize(
    "body",
    [b"[]", b"<html>", b"{}", message(content="Hi"), message(content=["Hi"]), message(CALL | {"input": "x"})],
)
def test_what_is_no_message_is_a_bad_answer(body: bytes) -> None:
    with pytest.raises(ApiError) as caught:
        completion_of(body, CREATED)

    assert caught.value.detail.code == "provider_bad_answer"


def test_an_error_in_a_good_answer_is_an_error() -> None:
    with pytest.raises(MayPass) as caught:
        completion_of(failure("overloaded_error", "Overloaded"), CREATED)

    assert caught.value.detail.message == "Overloaded"


@pytest.mark.parametrize(
    ("status", "kind", "told", "code"),
    [
        (400, "invalid_request_error", 400, None),
        (401, "authentication_error", 502, "provider_error"),
        (403, "permission_error", 502, "provider_error"),
        (404, "not_found_error", 404, None),
        (413, "request_too_large", 413, None),
        (429, "rate_limit_error", 429, "provider_rate_limited"),
        (500, "api_error", 502, "provider_error"),
        (529, "overloaded_error", 502, "provider_error"),
    ],
)
def test_refusals_are_told_like_openais(status: int, kind: str, told: int, code: str | None) -> None:
    error = refusal(status, failure(kind))

    assert (error.detail.status, error.detail.code) == (told, code)
    assert isinstance(error, MayPass) is (status in (429, 500, 529))


@pytest.mark.parametrize(
    "sentence", [TOO_POOR, "You have reached your specified API usage limits. You will regain access soon."]
)
def test_an_account_without_credit_is_ours_to_know(sentence: str) -> None:
    error = ours(refusal(400, failure("invalid_request_error", sentence)))

    assert error.detail.code == "provider_error"
    assert "credit" not in error.detail.message
    assert "usage" not in error.detail.message


def test_other_failures_stay_as_they_are() -> None:
    fault = refusal(400, failure("invalid_request_error", "max_tokens: must be at least 1"))
    other = ApiError(ErrorCode.INTERNAL, TOO_POOR)

    assert ours(fault) is fault
    assert ours(other) is other
