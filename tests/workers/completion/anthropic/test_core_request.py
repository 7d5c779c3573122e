"""Requests of chat completions as requests for messages."""

from typing import Any

import pytest

from contracts.errors import ApiError
from workers.completion.core.anthropic import messages_body

Json = dict[str, Any]  # two providers' wires, open by nature
HI = [{"role": "user", "content": "hi"}]
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "additionalProperties": False}


def translated(most: int | None = None, /, **fields: object) -> Json:
    return messages_body({"model": "claude-opus-4-6", "messages": HI, **fields}, most)


def refused(**fields: object) -> ApiError:
    with pytest.raises(ApiError) as caught:
        translated(**fields)
    return caught.value


def test_the_least_request_is_this() -> None:
    assert translated() == {
        "model": "claude-opus-4-6",
        "max_tokens": 4_096,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
    }


@pytest.mark.parametrize(
    ("fields", "most", "limit"),
    [
        ({}, None, 4_096),
        ({}, 64_000, 64_000),
        ({"max_tokens": 7}, 64_000, 7),
        ({"max_completion_tokens": 8}, None, 8),
        ({"max_completion_tokens": 8, "max_tokens": 9}, None, 8),
        ({"max_completion_tokens": None, "max_tokens": 9}, None, 9),
        ({"max_tokens": 0}, None, 0),
    ],
)
def test_an_answer_is_as_long_as_asked_for_else_as_it_can_be(
    fields: Json, most: int | None, limit: int
) -> None:
    assert translated(most, **fields)["max_tokens"] == limit


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("temperature", 1.7, {"temperature": 1.7}),
        ("temperature", 0, {"temperature": 0}),
        ("top_p", 0.5, {"top_p": 0.5}),
        ("top_k", 40, {"top_k": 40}),
        ("stop", "END", {"stop_sequences": ["END"]}),
        ("stop", ["a", "b"], {"stop_sequences": ["a", "b"]}),
        ("stop", [], {}),
        ("user", "u-1", {"metadata": {"user_id": "u-1"}}),
        ("stream", True, {"stream": True}),
        ("stream", False, {}),
        ("response_format", {"type": "text"}, {}),
        (
            "response_format",
            {"type": "json_schema", "json_schema": {"name": "n", "strict": True, "schema": SCHEMA}},
            {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
        ),
        ("thinking", {"type": "adaptive"}, {"thinking": {"type": "adaptive"}}),
    ],
)
def test_fields_with_a_counterpart_are_translated(name: str, value: object, told: Json) -> None:
    assert translated(**{name: value}) == translated() | told


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("service_tier", "flex"),
        ("store", True),
        ("metadata", {"a": "b"}),
        ("seed", 7),
        ("stream_options", {"include_usage": True}),
        ("prompt_cache_key", "k"),
        ("prediction", {"type": "content", "content": "x"}),
        ("n", 1),
        ("n", None),
        ("logprobs", False),
        ("presence_penalty", 0.0),
        ("frequency_penalty", 0),
        ("repetition_penalty", 1.0),
        ("logit_bias", {}),
        ("modalities", ["text"]),
        ("grammar", None),
    ],
)
def test_fields_that_change_nothing_of_what_is_said_are_left_out(name: str, value: object) -> None:
    assert translated(**{name: value}) == translated()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n", 2),
        ("logprobs", True),
        ("top_logprobs", 3),
        ("presence_penalty", 0.5),
        ("frequency_penalty", -1),
        ("repetition_penalty", 1.1),
        ("logit_bias", {"50256": -100}),
        ("modalities", ["text", "audio"]),
        ("audio", {"voice": "x"}),
        ("web_search_options", {}),
        ("functions", [{"name": "f"}]),
        ("grammar", "root ::= x"),
        ("guided_json", {}),
        ("verbosity", "low"),
        ("response_format", {"type": "json_object"}),
        ("response_format", {"type": "grammar"}),
    ],
)
def test_what_cannot_be_said_is_refused_by_name(name: str, value: object) -> None:
    detail = refused(**{name: value}).detail

    assert (detail.status, detail.code, detail.param) == (400, "unsupported_parameter", name)


def test_a_schema_that_is_none_is_refused() -> None:
    detail = refused(response_format={"type": "json_schema"}).detail

    assert (detail.status, detail.code, detail.param) == (400, "invalid_value", "response_format")


def test_a_schema_and_an_effort_go_together() -> None:
    form = {"type": "json_schema", "json_schema": {"schema": SCHEMA}}

    body = translated(response_format=form, reasoning_effort="low")

    assert body["output_config"] == {"effort": "low", "format": {"type": "json_schema", "schema": SCHEMA}}


def test_a_limit_that_is_no_number_is_refused() -> None:
    assert refused(max_tokens="many").detail.param == "max_tokens"
