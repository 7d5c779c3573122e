"""How much a model is to think."""

from typing import Any

import pytest

from contracts.errors import ApiError
from workers.completion.core.anthropic import messages_body
from workers.completion.core.anthropic.thinking import is_adaptive

Json = dict[str, Any]  # two providers' wires, open by nature
ADAPTIVE, BUDGETED = "claude-opus-4-6", "claude-sonnet-4-5-20250929"
CALL = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
THOUGHT = {"type": "thinking", "thinking": "hm", "signature": "s"}


def asked(model: str, most: int | None = None, **fields: object) -> Json:
    body = {"model": model, "messages": [{"role": "user", "content": "hi"}], **fields}
    return messages_body(body, most)


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("claude-3-5-sonnet-20241022", False),
        ("claude-3-7-sonnet-latest", False),
        ("claude-opus-4-20250514", False),
        ("claude-opus-4-1-20250805", False),
        ("claude-sonnet-4-5", False),
        ("claude-haiku-4-5-20251001", False),
        ("claude-opus-4-6", True),
        ("anthropic.claude-opus-4-6-v1", True),
        ("claude-opus-4.7", True),
        ("claude-sonnet-5", True),
        ("claude-fable-5-1", True),
        ("claude-mythos-preview", True),
    ],
)
def test_a_models_name_tells_its_generation(model: str, expected: bool) -> None:  # noqa: FBT001  a column
    assert is_adaptive(model) is expected


@pytest.mark.parametrize("model", [ADAPTIVE, BUDGETED])
def test_nothing_is_said_of_thinking_unasked(model: str) -> None:
    assert asked(model).keys().isdisjoint({"thinking", "output_config"})


@pytest.mark.parametrize("model", [ADAPTIVE, BUDGETED])
@pytest.mark.parametrize(
    "fields",
    [
        {"enable_thinking": False},
        {"reasoning_effort": "none"},
        {"enable_thinking": False, "reasoning_effort": "high"},
        {"enable_thinking": True, "reasoning_effort": "none"},
    ],
)
def test_thinking_is_switched_off(model: str, fields: Json) -> None:
    assert asked(model, **fields)["thinking"] == {"type": "disabled"}


@pytest.mark.parametrize(
    ("fields", "effort"),
    [
        ({"enable_thinking": True}, None),
        ({"reasoning_effort": "minimal"}, "low"),
        ({"reasoning_effort": "low"}, "low"),
        ({"reasoning_effort": "high", "enable_thinking": True}, "high"),
        ({"reasoning_effort": "xhigh"}, "xhigh"),
    ],
)
def test_newer_models_are_told_an_effort(fields: Json, effort: str | None) -> None:
    body = asked(ADAPTIVE, **fields)

    assert body["thinking"] == {"type": "adaptive", "display": "summarized"}
    assert body.get("output_config") == ({"effort": effort} if effort else None)
    assert body["max_tokens"] == 4_096


@pytest.mark.parametrize(
    ("fields", "most", "budget", "limit"),
    [
        ({"enable_thinking": True}, None, 6_144, 12_288),
        ({"reasoning_effort": "minimal"}, None, 1_024, 5_120),
        ({"reasoning_effort": "low"}, None, 2_048, 6_144),
        ({"reasoning_effort": "high"}, None, 10_240, 20_480),
        ({"reasoning_effort": "high"}, 64_000, 16_384, 64_000),
        ({"reasoning_effort": "high", "max_tokens": 3_000}, 64_000, 1_500, 3_000),
    ],
)
def test_older_models_are_given_a_budget(fields: Json, most: int | None, budget: int, limit: int) -> None:
    body = asked(BUDGETED, most, **fields)

    assert body["thinking"] == {"type": "enabled", "budget_tokens": budget}
    assert body["max_tokens"] == limit


def test_where_no_budget_has_room_an_older_model_answers_without() -> None:
    assert "thinking" not in asked(BUDGETED, reasoning_effort="high", max_tokens=2_000)


@pytest.mark.parametrize(("thoughts", "thinks"), [([], False), ([THOUGHT], True)])
def test_an_older_model_goes_on_thinking_behind_a_tool_with_its_thoughts_alone(
    thoughts: list[Json],
    thinks: bool,  # noqa: FBT001  a column
) -> None:
    messages = [
        {"role": "user", "content": "?"},
        {"role": "assistant", "content": "", "tool_calls": [CALL], "thinking_blocks": thoughts},
        {"role": "tool", "tool_call_id": "a", "content": "1"},
    ]

    assert ("thinking" in asked(BUDGETED, messages=messages, enable_thinking=True)) is thinks
    assert "thinking" in asked(ADAPTIVE, messages=messages, enable_thinking=True)


def test_an_effort_that_is_none_is_refused() -> None:
    with pytest.raises(ApiError) as caught:
        asked(ADAPTIVE, reasoning_effort="a lot")

    assert (caught.value.detail.code, caught.value.detail.param) == ("invalid_value", "reasoning_effort")
