"""Items as clients send them, as they are kept, and as they are shown."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from contracts.ids import is_id
from contracts.wire.items import (
    MAX_PARTS,
    MAX_TEXT,
    PREFIXES,
    ItemError,
    StoredItem,
    new_item_id,
    shown,
    stored,
)

Json = dict[str, Any]
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


@dataclass
class Row:
    """An item's row, as the store has it."""

    item_id: str
    type: str
    data: Json = field(default_factory=dict)
    role: str | None = None
    status: str = "completed"
    call_id: str | None = None
    branch: str = "MAIN"
    seq: int = 7
    created_at: datetime = NOW


def row_of(item: StoredItem) -> Row:
    return Row("msg_1", item.type, item.data, item.role, item.status, item.call_id)


def test_an_easy_message_becomes_a_whole_one() -> None:
    item = stored({"role": "user", "content": "hello"})

    content = [{"type": "input_text", "text": "hello"}]
    assert item == StoredItem("message", {"content": content}, role="user")
    assert shown(row_of(item)) == {
        "id": "msg_1",
        "object": "conversation.item",
        "type": "message",
        "role": "user",
        "status": "completed",
        "content": content,
        "branch": "MAIN",
        "sequence_number": 7,
        "created_at": "2026-06-01T12:00:00.000Z",
    }


@pytest.mark.parametrize("part", ["text", "output_text"])
def test_an_assistants_text_is_an_output_text(part: str) -> None:
    whole = {"type": "output_text", "text": "hi", "annotations": [], "logprobs": []}

    assert stored({"role": "assistant", "content": "hi"}).data["content"] == [whole]
    parts = [{"type": part, "text": "hi"}]
    assert stored({"role": "assistant", "content": parts}).data["content"] == [whole]


def test_texts_of_the_go_server_are_understood() -> None:
    parts = [{"type": "text", "text": {"text": "hi", "annotations": []}}]

    assert stored({"role": "user", "content": parts}).data["content"] == [
        {"type": "input_text", "text": "hi"}
    ]


@pytest.mark.parametrize(
    "part",
    [
        {"type": "input_image", "image_url": "https://a/b.png"},
        {"type": "image_url", "image_url": {"url": "https://a/b.png"}},
    ],
)
def test_an_image_is_an_input_image(part: Json) -> None:
    image = {"type": "input_image", "image_url": "https://a/b.png", "detail": "auto"}

    assert stored({"role": "user", "content": [part]}).data["content"] == [image]


def test_parts_that_are_whole_stay_as_they_are() -> None:
    parts = [
        {"type": "input_file", "file_id": "file-1"},
        {"type": "refusal", "refusal": "no"},
        {"type": "output_text", "text": "x", "annotations": [{"type": "url_citation"}], "logprobs": []},
        {"type": "input_image", "file_id": "file-1", "image_url": None, "detail": "low"},
    ]

    assert stored({"role": "assistant", "content": parts}).data["content"] == parts


def test_a_call_and_its_output_keep_what_they_say() -> None:
    call = stored({"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}", "id": "fc_x"})
    output = stored({"type": "function_call_output", "call_id": "c1", "output": "42", "status": "incomplete"})

    assert call == StoredItem("function_call", {"name": "f", "arguments": "{}"}, call_id="c1")
    assert output == StoredItem("function_call_output", {"output": "42"}, status="incomplete", call_id="c1")
    assert shown(row_of(call))["call_id"] == "c1"
    assert "role" not in shown(row_of(call))


def test_what_a_type_has_beside_is_kept() -> None:
    action = {"type": "search", "query": "x"}

    assert stored({"type": "web_search_call", "action": action}).data == {"action": action}
    assert stored({"type": "reasoning"}).data == {"summary": []}
    assert stored({"type": "reasoning", "summary": [], "encrypted_content": "e"}).data["encrypted_content"]


def test_a_client_chooses_neither_name_nor_place() -> None:
    given = {"id": "mine", "branch": "B", "sequence_number": 1, "created_at": "never", "object": "x"}

    assert stored({"role": "user", "content": "a", **given}).data.keys() == {"content"}


@pytest.mark.parametrize("item_type", PREFIXES)
def test_each_type_has_ids_of_its_own(item_type: str) -> None:
    assert is_id(new_item_id(item_type), PREFIXES[item_type])
    assert list(PREFIXES.values()).count(PREFIXES[item_type]) == 1


@pytest.mark.parametrize(
    ("item", "where"),
    [
        ({}, "type"),
        ({"type": "nope"}, "type"),
        ({"type": 5}, "type"),
        ({"type": "item_reference", "id": "msg_1"}, "type"),
        ({"role": "nobody", "content": "a"}, "role"),
        ({"type": "message", "content": "a"}, "role"),
        ({"role": [], "content": "a"}, "role"),
        ({"role": "user"}, "content"),
        ({"role": "user", "content": []}, "content"),
        ({"role": "user", "content": [{"type": "text", "text": "a"}] * (MAX_PARTS + 1)}, "content"),
        ({"role": "user", "content": "a" * (MAX_TEXT + 1)}, "content"),
        ({"role": "user", "content": ["a"]}, "content[0].type"),
        ({"role": "user", "content": [{"type": "telepathy"}]}, "content[0].type"),
        ({"role": "user", "content": [{"type": "input_text"}]}, "content[0].text"),
        (
            {"role": "user", "content": [{"type": "input_text", "text": "a" * (MAX_TEXT + 1)}]},
            "content[0].text",
        ),
        ({"role": "user", "content": [{"type": "input_image"}]}, "content[0].image_url"),
        ({"role": "user", "content": "a", "status": "asleep"}, "status"),
        ({"role": "user", "content": "a", "status": {}}, "status"),
        ({"type": "function_call", "name": "f", "arguments": "{}"}, "call_id"),
        ({"type": "function_call", "call_id": "", "name": "f", "arguments": "{}"}, "call_id"),
        ({"type": "function_call", "call_id": "c" * 257, "name": "f", "arguments": "{}"}, "call_id"),
        ({"type": "function_call", "call_id": "c", "name": "", "arguments": "{}"}, "name"),
        ({"type": "function_call", "call_id": "c", "name": "f", "arguments": {}}, "arguments"),
        ({"type": "function_call_output", "call_id": "c"}, "output"),
        ({"type": "function_call_output", "call_id": "c", "output": ["a"]}, "output"),
        ({"type": "web_search_call", "call_id": 5}, "call_id"),
        ({"role": "user", "content": "a\0b"}, "content"),
        ({"role": "user", "content": [{"type": "text", "text": "\ud800"}]}, "content[0].text"),
        ({"type": "reasoning", "summary": [{"a": {"b\0": 1}}]}, "summary[0].a"),
        ({"type": "reasoning", "weight": float("inf")}, "weight"),
    ],
)
def test_what_is_wrong_is_told_by_its_field(item: Json, where: str) -> None:
    with pytest.raises(ItemError) as refusal:
        stored(item)

    assert refusal.value.field == where
    assert str(refusal.value)
