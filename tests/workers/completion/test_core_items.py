"""Items and messages, each made of the other."""

from typing import Any

import pytest

from workers.completion.core.items import Item, items_of, messages_of, text_of

CALL = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": '{"at":1}'}}
CUSTOM = {"id": "call_2", "type": "custom", "custom": {"name": "run", "input": "ls"}}
TURN: list[dict[str, Any]] = [
    {"role": "user", "content": "look"},
    {"role": "assistant", "content": "I look.", "tool_calls": [CALL, CUSTOM]},
    {"role": "tool", "tool_call_id": "call_1", "content": "nothing"},
    {"role": "tool", "tool_call_id": "call_2", "content": "a b"},
    {"role": "assistant", "content": "There is nothing."},
]
IMAGE = {"type": "image_url", "image_url": {"url": "https://example.org/a.png", "detail": "low"}}
FILE = {"type": "file", "file": {"file_id": "file-1", "filename": "a.pdf"}}
SOUND = {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}


def test_a_turn_with_calls_comes_back_as_it_was() -> None:
    assert messages_of(items_of(TURN)) == TURN


def test_calls_are_items_behind_the_text_in_their_order() -> None:
    items = items_of(TURN)

    assert [(item.type, item.role, item.call_id) for item in items] == [
        ("message", "user", None),
        ("message", "assistant", None),
        ("function_call", None, "call_1"),
        ("custom_tool_call", None, "call_2"),
        ("function_call_output", None, "call_1"),
        ("function_call_output", None, "call_2"),
        ("message", "assistant", None),
    ]
    assert items[2].data == {"name": "look", "arguments": '{"at":1}'}
    assert items[3].data == {"name": "run", "input": "ls"}


def test_a_call_without_a_text_is_no_message_of_its_own() -> None:
    asked = {"role": "assistant", "content": None, "tool_calls": [CALL]}

    items = items_of([asked])

    assert [item.type for item in items] == ["function_call"]
    assert messages_of(items) == [asked]


def test_texts_have_the_parts_that_openai_stores() -> None:
    asked, answered = items_of([{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}])

    assert asked.data == {"content": [{"type": "input_text", "text": "hi"}]}
    assert answered.data["content"] == [
        {"type": "output_text", "text": "ho", "annotations": [], "logprobs": []}
    ]


@pytest.mark.parametrize("part", [IMAGE, FILE, SOUND])
def test_media_come_back_as_they_were(part: dict[str, Any]) -> None:
    messages = [{"role": "user", "content": [{"type": "text", "text": "see"}, part]}]

    assert messages_of(items_of(messages)) == messages


def test_an_image_may_be_its_address_alone() -> None:
    [item] = items_of([{"role": "user", "content": [{"type": "image_url", "image_url": "jan_1"}]}])

    assert item.data["content"] == [{"type": "input_image", "image_url": "jan_1", "detail": "auto"}]


def test_instructions_belong_to_no_conversation() -> None:
    assert items_of([{"role": "system", "content": "s"}, {"role": "developer", "content": "d"}]) == []


def test_a_refusal_is_kept_as_one_and_said_as_a_text() -> None:
    items = items_of([{"role": "assistant", "content": None, "refusal": "I won't."}])

    assert items[0].data["content"] == [{"type": "refusal", "refusal": "I won't."}]
    assert messages_of(items) == [{"role": "assistant", "content": "I won't."}]


def test_reasoning_and_unknown_types_are_not_said() -> None:
    items = [Item("reasoning", {"summary": []}), Item("web_search_call", {}), Item("compaction", {})]

    assert messages_of(items) == []


@pytest.mark.parametrize("content", [None, 3, [], [None], [{"type": "x_unknown"}], {"a": 1}])
def test_odd_contents_are_no_text_and_no_failure(content: object) -> None:
    items = items_of([{"role": "user", "content": content}])

    assert messages_of(items) == [{"role": "user", "content": ""}]
    assert text_of(content) == ""


@pytest.mark.parametrize("calls", [None, 3, "x", {}, [None], [{}], [{"function": 1}]])
def test_odd_calls_are_no_failure(calls: object) -> None:
    messages_of(items_of([{"role": "assistant", "content": "a", "tool_calls": calls}]))


def test_a_speakers_name_is_kept() -> None:
    messages = [{"role": "user", "content": "hi", "name": "ann"}]

    assert messages_of(items_of(messages)) == messages
