"""Messages as Anthropic's turns."""

from typing import Any

import pytest

from contracts.errors import ApiError
from workers.completion.core.anthropic.turns import conversation_of

Json = dict[str, Any]  # two providers' wires, open by nature
IMAGE = "data:image/PNG;base64,iVBORw0KGgo="


def text(said: str) -> Json:
    return {"type": "text", "text": said}


def turns(*messages: Json) -> list[Json]:
    return conversation_of(list(messages))[1]


def user(content: object) -> Json:
    return {"role": "user", "content": content}


def called(*ids: str, arguments: str = '{"city":"Rome"}', **more: object) -> Json:
    calls = [
        {"id": name, "type": "function", "function": {"name": "weather", "arguments": arguments}}
        for name in ids
    ]
    return {"role": "assistant", "content": None, "tool_calls": calls, **more}


def result(call: str, content: object = "sunny") -> Json:
    return {"role": "tool", "tool_call_id": call, "content": content}


def refused(*messages: object) -> tuple[str | None, str | None]:
    with pytest.raises(ApiError) as caught:
        conversation_of(list(messages))
    assert caught.value.detail.status == 400
    return caught.value.detail.code, caught.value.detail.param


def test_instructions_are_the_systems() -> None:
    system, told = conversation_of(
        [
            {"role": "system", "content": "Be kind."},
            user("hi"),
            {"role": "developer", "content": [text("Be brief."), text("")]},
            {"role": "system", "content": ""},
        ]
    )

    assert system == [text("Be kind."), text("Be brief.")]
    assert told == [{"role": "user", "content": [text("hi")]}]


def test_neighbours_of_one_role_become_one_turn() -> None:
    told = turns(
        user("a"),
        user([text("b")]),
        {"role": "assistant", "content": "c"},
        {"role": "assistant", "content": ""},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]},
        user("d"),
    )

    assert told == [
        {"role": "user", "content": [text("a"), text("b")]},
        {"role": "assistant", "content": [text("c"), text("no")]},
        {"role": "user", "content": [text("d")]},
    ]


@pytest.mark.parametrize(
    ("part", "block"),
    [
        (text("x"), text("x")),
        (
            text("x") | {"cache_control": {"type": "ephemeral"}},
            text("x") | {"cache_control": {"type": "ephemeral"}},
        ),
        (
            {"type": "image_url", "image_url": {"url": IMAGE, "detail": "low"}},
            {
                "type": "image",
                "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="},
            },
        ),
        (
            {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
            {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
        ),
        (
            {"type": "image_url", "image_url": "http://example.com/a.png"},
            {"type": "image", "source": {"type": "url", "url": "http://example.com/a.png"}},
        ),
        (
            {
                "type": "file",
                "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="},
            },
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="},
                "title": "a.pdf",
            },
        ),
    ],
)
def test_parts_become_blocks(part: Json, block: Json) -> None:
    assert turns(user([part])) == [{"role": "user", "content": [block]}]


@pytest.mark.parametrize(
    ("part", "code", "param"),
    [
        ({"type": "input_audio", "input_audio": {}}, "unsupported_parameter", ""),
        ({"type": "video_url", "video_url": {}}, "unsupported_parameter", ""),
        ({}, "unsupported_parameter", ""),
        ({"type": "file", "file": {"file_id": "file-1"}}, "unsupported_parameter", ".file"),
        ({"type": "image_url"}, "invalid_value", ".image_url"),
        ({"type": "image_url", "image_url": {"url": "jan_abc"}}, "invalid_value", ".image_url"),
        ({"type": "image_url", "image_url": {"url": "file:///etc/passwd"}}, "invalid_value", ".image_url"),
        ({"type": "image_url", "image_url": {"url": "data:image/png,x"}}, "invalid_value", ".image_url"),
        ({"type": "image_url", "image_url": {"url": "data:;base64,x"}}, "invalid_value", ".image_url"),
        ({"type": "text"}, "invalid_value", ".text"),
        ("text", "invalid_value", ""),
    ],
)
def test_parts_without_a_counterpart_are_refused(part: object, code: str, param: str) -> None:
    assert refused(user("hi"), user([text("a"), part])) == (code, f"messages[1].content[1]{param}")


def test_a_call_and_its_result_are_blocks() -> None:
    told = turns(user("?"), called("call_1"), result("call_1"))

    assert told[1:] == [
        {
            "role": "assistant",
            "content": [
                {"type": "tool_use", "id": "call_1", "name": "weather", "input": {"city": "Rome"}},
            ],
        },
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "call_1", "content": "sunny"}],
        },
    ]


def test_results_of_a_turn_come_together_before_all_else() -> None:
    told = turns(
        user("?"),
        called("a", "b"),
        result("a", "1"),
        user("meanwhile"),
        result("b", [text("2"), {"type": "image_url", "image_url": {"url": IMAGE}}]),
        result("c", None),
    )

    blocks = told[-1]["content"]
    assert [block.get("tool_use_id", block["type"]) for block in blocks] == ["a", "b", "c", "text"]
    assert [block["type"] for block in blocks[1]["content"]] == ["text", "image"]
    assert "content" not in blocks[2]


def test_text_stands_before_the_calls_and_thoughts_before_both() -> None:
    thoughts = [
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        {"type": "redacted_thinking", "data": "x"},
        {"type": "text", "text": "no thought"},
    ]
    message = called("a", thinking_blocks=thoughts) | {"content": "I look."}

    (turn,) = turns(message)

    assert [block["type"] for block in turn["content"]] == [
        "thinking",
        "redacted_thinking",
        "text",
        "tool_use",
    ]


@pytest.mark.parametrize("arguments", ["", None, "{}"])
def test_a_call_without_arguments_has_none(arguments: str | None) -> None:
    message = called("a")
    message["tool_calls"][0]["function"]["arguments"] = arguments

    assert turns(message)[0]["content"][0]["input"] == {}


def test_ids_of_other_providers_calls_are_told_alike_on_both_sides() -> None:
    told = turns(called("functions.weather:0"), result("functions.weather:0"))

    assert told[0]["content"][0]["id"] == "functions_weather_0"
    assert told[1]["content"][0]["tool_use_id"] == "functions_weather_0"


@pytest.mark.parametrize(
    ("message", "code", "param"),
    [
        (called("a", arguments="[1]"), "invalid_value", ".tool_calls[0].function.arguments"),
        (called("a", arguments='{"a'), "invalid_value", ".tool_calls[0].function.arguments"),
        (called(""), "invalid_value", ".tool_calls[0].id"),
        ({"role": "tool", "content": "x"}, "invalid_value", ".tool_call_id"),
        (
            {"role": "assistant", "tool_calls": [{"id": "a", "type": "custom", "custom": {}}]},
            "unsupported_parameter",
            ".tool_calls[0]",
        ),
        ({"role": "assistant", "tool_calls": 7}, "invalid_value", ".tool_calls"),
        ({"role": "assistant", "function_call": {"name": "f"}}, "unsupported_parameter", ".function_call"),
        ({"role": "function", "name": "f", "content": "x"}, "unsupported_parameter", ".role"),
        ({"role": "user", "content": 7}, "invalid_value", ".content"),
        ("hi", "invalid_value", ""),
    ],
)
def test_messages_that_cannot_be_said_are_refused(message: object, code: str, param: str) -> None:
    assert refused(user("hi"), message) == (code, f"messages[1]{param}")


def test_messages_that_are_no_list_are_refused() -> None:
    with pytest.raises(ApiError) as caught:
        conversation_of("hi")

    assert caught.value.detail.param == "messages"
