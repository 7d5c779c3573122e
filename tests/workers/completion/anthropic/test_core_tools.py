"""Tools, and how free a model is to call them."""

from typing import Any

import pytest

from contracts.errors import ApiError
from workers.completion.core.anthropic.tools import tool_fields

Json = dict[str, Any]  # two providers' wires, open by nature
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
WEATHER = {"type": "function", "function": {"name": "weather", "description": "d", "parameters": SCHEMA}}
FORCED = {"type": "function", "function": {"name": "weather"}}
ALONE = {"disable_parallel_tool_use": True}


def test_a_function_is_a_tool() -> None:
    strict = {"type": "function", "function": {"name": "now", "strict": True}}

    assert tool_fields({"tools": [WEATHER, strict]}) == {
        "tools": [
            {"name": "weather", "description": "d", "input_schema": SCHEMA},
            {"name": "now", "input_schema": {"type": "object", "properties": {}}, "strict": True},
        ]
    }


@pytest.mark.parametrize(
    ("choice", "parallel", "told"),
    [
        (None, None, None),
        (None, True, None),
        (None, False, {"type": "auto"} | ALONE),
        ("auto", None, {"type": "auto"}),
        ("auto", False, {"type": "auto"} | ALONE),
        ("none", None, {"type": "none"}),
        ("none", False, {"type": "none"}),
        ("required", None, {"type": "any"}),
        ("required", False, {"type": "any"} | ALONE),
        (FORCED, None, {"type": "tool", "name": "weather"}),
        (FORCED, False, {"type": "tool", "name": "weather"} | ALONE),
    ],
)
def test_choices_are_translated(choice: object, parallel: bool | None, told: Json | None) -> None:  # noqa: FBT001  a column
    body = {"tools": [WEATHER], "tool_choice": choice, "parallel_tool_calls": parallel}

    assert tool_fields(body).get("tool_choice") == told


@pytest.mark.parametrize("choice", [None, "auto", "none"])
def test_without_tools_nothing_is_said_of_them(choice: str | None) -> None:
    assert tool_fields({"tools": [], "tool_choice": choice, "parallel_tool_calls": False}) == {}


def test_a_tool_that_must_be_called_and_is_not_there_is_for_the_provider_to_refuse() -> None:
    assert tool_fields({"tool_choice": "required"}) == {"tool_choice": {"type": "any"}}


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"tools": [WEATHER, {"type": "custom", "custom": {"name": "x"}}]}, "tools[1]"),
        ({"tools": ["weather"]}, "tools[0]"),
        ({"tools": [WEATHER], "tool_choice": {"type": "allowed_tools"}}, "tool_choice"),
        ({"tools": [WEATHER], "tool_choice": "any"}, "tool_choice"),
    ],
)
def test_other_tools_and_choices_are_refused(body: Json, param: str) -> None:
    with pytest.raises(ApiError) as caught:
        tool_fields(body)

    assert (caught.value.detail.code, caught.value.detail.param) == ("unsupported_parameter", param)
