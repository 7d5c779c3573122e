"""What becomes of a stream whose worker was lost in the midst of it."""

import json

import pytest

from contracts.events import Usage
from tests.workers.completion.folding import TOLD, Json, chunk, usage_chunk
from workers.completion.core import Complete, Continue, Lost, gone_on
from workers.completion.core.continuation import Prefill

USER: Json = {"role": "user", "content": "count"}
BODY: Json = {"messages": [USER], "stream": True}
ROLE = chunk({"role": "assistant", "content": ""}, created=7, x_seq=0)
TEXT = [ROLE, chunk({"content": "one "}, created=7, x_seq=1), chunk({"content": "two"}, created=7, x_seq=2)]


def rest_of(payloads: list[bytes], body: Json = BODY, prefill: Prefill = "llama.cpp") -> Continue:
    plan = gone_on(payloads, body, prefill)
    assert isinstance(plan, Continue)
    return plan


def test_the_text_becomes_the_assistants_last_message() -> None:
    rest = rest_of(TEXT)

    assert rest.body == {"messages": [USER, {"role": "assistant", "content": "one two"}], "stream": True}
    assert rest.shown is not None
    assert (rest.shown.text, rest.shown.tokens, rest.shown.created) == ("one two", 2, 7)
    assert BODY["messages"] == [USER]  # the job's own body is left alone


def test_vllm_is_told_to_leave_the_message_open() -> None:
    rest = rest_of(TEXT, prefill="vllm")

    assert rest.body["continue_final_message"] is True
    assert rest.body["add_generation_prompt"] is False


def test_a_message_that_the_caller_began_is_one_with_the_text() -> None:
    body = BODY | {"messages": [USER, {"role": "assistant", "content": "zero "}]}

    assert rest_of(TEXT, body).body["messages"] == [USER, {"role": "assistant", "content": "zero one two"}]


def test_a_message_that_vllm_had_closed_stays_closed() -> None:
    body = BODY | {"messages": [USER, {"role": "assistant", "content": "zero"}]}

    assert rest_of(TEXT, body, "vllm").body["messages"][-2:] == [
        {"role": "assistant", "content": "zero"},
        {"role": "assistant", "content": "one two"},
    ]


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_the_limit_is_lowered_by_what_was_shown(name: str) -> None:
    assert rest_of(TEXT, BODY | {name: 10}).body[name] == 8
    assert rest_of(TEXT, BODY | {name: None}).body[name] is None


@pytest.mark.parametrize("prefill", ["none", "llama.cpp"])
@pytest.mark.parametrize("limit", [1, 2])
def test_an_answer_at_its_limit_gets_its_finish_and_asks_nobody(limit: int, prefill: Prefill) -> None:
    plan = gone_on(TEXT, BODY | {"max_tokens": limit}, prefill)

    assert isinstance(plan, Complete)
    (finish,) = (json.loads(payload) for payload in plan.chunks)
    assert finish["choices"] == [{"index": 0, "delta": {}, "finish_reason": "length"}]
    assert (finish["x_seq"], finish["created"], finish["id"]) == (3, 7, "up")
    assert (plan.ending.finish_reason, plan.ending.usage) == (
        "length",
        Usage(output_tokens=2, estimated=True),
    )


def test_everything_that_is_not_ours_to_change_is_passed_on() -> None:
    asked = {
        "stop": ["x"],
        "seed": 1,
        "logprobs": True,
        "tools": [{"type": "function"}],
        "tool_choice": "auto",
    }

    body = rest_of(TEXT, BODY | asked).body

    assert {name: body[name] for name in asked} == asked


@pytest.mark.parametrize("prefill", ["none", "llama.cpp", "vllm"])
def test_what_showed_nothing_is_asked_anew(prefill: Prefill) -> None:
    rest = rest_of([ROLE], BODY | {"n": 2, "response_format": {"type": "json_object"}}, prefill)

    assert rest.body["messages"] == [USER]


def test_only_the_end_is_missing_where_every_choice_had_its_finish() -> None:
    plan = gone_on([*TEXT, chunk(finish="stop"), usage_chunk()], BODY, "none")

    assert isinstance(plan, Complete)
    assert (plan.ending.model, plan.ending.finish_reason, plan.chunks) == ("m-1", "stop", ())
    assert plan.ending.usage is not None
    assert (plan.ending.usage.output_tokens, plan.ending.usage.estimated) == (
        TOLD["completion_tokens"],
        False,
    )


def test_only_the_end_is_missing_after_two_finished_choices_of_two() -> None:
    payloads = [chunk({"content": "a"}, "stop"), chunk({"content": "b"}, "length", index=1)]

    assert isinstance(gone_on(payloads, BODY | {"n": 2}, "none"), Complete)
    assert isinstance(gone_on(payloads[:1], BODY | {"n": 2}, "llama.cpp"), Lost)


@pytest.mark.parametrize(
    "delta",
    [
        {"tool_calls": [{"index": 0, "function": {"arguments": "{"}}]},
        {"function_call": {"arguments": "{"}},
        {"refusal": "I won't"},
        {"reasoning_content": "hm"},
        {"audio": {"data": "AA"}},
        {"content": [{"type": "text", "text": "x"}]},
    ],
)
def test_what_is_more_than_text_is_lost_with_what_it_used(delta: Json) -> None:
    plan = gone_on([*TEXT, chunk(delta)], BODY, "llama.cpp")

    assert plan == Lost(Usage(output_tokens=3, estimated=True))


@pytest.mark.parametrize(
    "more",
    [
        {"n": 2},
        {"response_format": {"type": "json_object"}},
        {"response_format": {"type": "json_schema", "json_schema": {}}},
        {"tool_choice": "required"},
        {"tool_choice": {"type": "function", "function": {"name": "f"}}},
        {"grammar": "root ::= x"},
        {"guided_json": {"type": "object"}},
        {"messages": [USER, {"role": "assistant", "content": [{"type": "text", "text": "zero"}]}]},
    ],
)
def test_an_answer_in_a_form_is_lost(more: Json) -> None:
    assert isinstance(gone_on(TEXT, BODY | more, "llama.cpp"), Lost)


def test_a_response_format_of_plain_text_is_no_form() -> None:
    rest_of(TEXT, BODY | {"response_format": {"type": "text"}})


def test_a_provider_without_prefill_loses_what_was_shown() -> None:
    assert gone_on(TEXT, BODY, "none") == Lost(Usage(output_tokens=2, estimated=True))


def test_an_emoji_in_two_halves_is_joined_and_half_of_one_is_lost() -> None:
    halves = [chunk({"content": "\ud83d"}), chunk({"content": "\ude00"})]

    assert rest_of(halves).body["messages"][-1]["content"] == "\N{GRINNING FACE}"
    assert isinstance(gone_on(halves[:1], BODY, "llama.cpp"), Lost)


def text_chunk(text: str, seq: int, finish: str | None = None) -> bytes:
    """A chunk of a legacy completion."""
    choice = {"index": 0, "text": text, "finish_reason": finish}
    return json.dumps({"object": "text_completion", "created": 7, "choices": [choice], "x_seq": seq}).encode()


LEGACY: Json = {"prompt": "Once", "max_tokens": 9, "stream": True}
TOLD_TEXT = [text_chunk(" upon", 0), text_chunk(" a", 1)]


@pytest.mark.parametrize("prefill", ["none", "llama.cpp", "vllm"])
def test_a_legacy_text_goes_on_behind_its_prompt_whoever_the_provider_is(prefill: Prefill) -> None:
    rest = rest_of(TOLD_TEXT, LEGACY, prefill)

    assert rest.body == {"prompt": "Once upon a", "max_tokens": 7, "stream": True}
    assert rest.shown is not None
    assert rest.shown.tokens == 2


@pytest.mark.parametrize(
    "more", [{"prompt": ["a", "b"]}, {"prompt": [1, 2]}, {"suffix": "."}, {"logprobs": 1}]
)
def test_a_legacy_text_that_is_no_plain_prompt_is_lost(more: Json) -> None:
    assert isinstance(gone_on(TOLD_TEXT, LEGACY | more, "llama.cpp"), Lost)


def test_a_legacy_text_at_its_limit_only_lacks_its_end() -> None:
    plan = gone_on(TOLD_TEXT, LEGACY | {"max_tokens": 2}, "none")

    assert isinstance(plan, Complete)
    assert json.loads(plan.chunks[0])["choices"] == [{"index": 0, "text": "", "finish_reason": "length"}]


def test_a_legacy_text_whose_limit_is_the_providers_own_is_lost() -> None:
    unlimited = {"prompt": "Once", "stream": True}

    assert isinstance(gone_on(TOLD_TEXT, unlimited, "none"), Lost)
    assert rest_of(TOLD_TEXT, unlimited, "llama.cpp").body["prompt"] == "Once upon a"


def test_an_echo_is_no_answer_yet_and_cannot_be_gone_on_with() -> None:
    assert isinstance(gone_on(TOLD_TEXT, LEGACY | {"echo": True, "max_tokens": 2}, "none"), Lost)
