"""A chat completion request is checked for types and kept whole."""

from typing import Any

import pytest
from pydantic import ValidationError

from contracts.envelope import Lane
from contracts.wire.chat import LANE_OF_TIER, MAX_MESSAGES, ChatCompletionChunk, ChatCompletionRequest

LEAST: dict[str, Any] = {"model": "smollm2", "messages": [{"role": "user", "content": "Hi"}]}


def test_the_least_request_is_taken() -> None:
    request = ChatCompletionRequest.model_validate(LEAST)

    assert request.model == "smollm2"
    assert request.stream is None


def test_fields_that_are_not_known_are_kept_at_every_depth() -> None:
    body = LEAST | {
        "messages": [{"role": "oracle", "content": "Hi", "x": 1}],
        "x_own": {"a": [0]},
        "min_p": 0,
    }

    kept = ChatCompletionRequest.model_validate(body).model_dump(exclude_unset=True)

    assert kept == body


@pytest.mark.parametrize(
    "more",
    [
        {"temperature": 0, "top_p": 0.0, "seed": 0, "max_tokens": 0, "n": 0},
        {"temperature": 99, "top_p": -1, "presence_penalty": 1e9},
        {"stop": ["a", "b"]},
        {"stop": "a"},
        {"tool_choice": "auto", "parallel_tool_calls": False, "tools": [{"type": "function"}]},
        {"tool_choice": {"type": "function", "function": {"name": "f"}}},
        {"logit_bias": {"50256": -100}},
        {"response_format": {"type": "json_schema", "json_schema": {"name": "x"}}},
        {"stream_options": {"include_usage": True, "other": 1}, "stream": True},
        {"metadata": {"k": "v"}, "store": True, "user": "u", "enable_thinking": False},
        {"messages": [{"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]}]},
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "u"}}]}]},
    ],
)
def test_ranges_are_the_providers_to_judge(more: dict[str, Any]) -> None:
    body = LEAST | more

    assert ChatCompletionRequest.model_validate(body).model_dump(exclude_unset=True) == body


@pytest.mark.parametrize(
    ("more", "at"),
    [
        ({"model": ""}, ("model",)),
        ({"model": "m" * 257}, ("model",)),
        ({"model": None}, ("model",)),
        ({"messages": []}, ("messages",)),
        ({"messages": LEAST["messages"] * (MAX_MESSAGES + 1)}, ("messages",)),
        ({"messages": "Hi"}, ("messages",)),
        ({"messages": ["Hi"]}, ("messages", 0)),
        ({"messages": [{"content": "Hi"}]}, ("messages", 0, "role")),
        ({"messages": [{"role": "", "content": "Hi"}]}, ("messages", 0, "role")),
        ({"messages": [*LEAST["messages"], {"role": 1}]}, ("messages", 1, "role")),
        ({"temperature": "hot"}, ("temperature",)),
        ({"stream": "perhaps"}, ("stream",)),
        ({"tools": {}}, ("tools",)),
        ({"metadata": {"k": 1}}, ("metadata", "k")),
        ({"service_tier": "gold"}, ("service_tier",)),
    ],
)
def test_a_wrong_type_is_told_by_the_path_of_its_field(
    more: dict[str, Any], at: tuple[str | int, ...]
) -> None:
    with pytest.raises(ValidationError) as caught:
        ChatCompletionRequest.model_validate(LEAST | more)

    assert caught.value.errors()[0]["loc"] == at


@pytest.mark.parametrize(
    ("tier", "lane"),
    [
        (None, Lane.DEFAULT),
        ("auto", Lane.DEFAULT),
        ("default", Lane.DEFAULT),
        ("flex", Lane.FLEX),
        ("priority", Lane.PRIORITY),
    ],
)
def test_the_service_tier_picks_the_lane(tier: str | None, lane: Lane) -> None:
    assert ChatCompletionRequest.model_validate(LEAST | {"service_tier": tier}).lane() is lane


def test_no_tier_leads_to_the_lane_of_batches() -> None:
    assert Lane.BATCH not in LANE_OF_TIER.values()


def test_a_chunk_says_its_number() -> None:
    fields = ChatCompletionChunk.model_json_schema()

    assert "x_seq" in fields["required"]
