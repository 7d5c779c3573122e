"""What a snapshot shows of items, and what it leaves out."""

from datetime import UTC, datetime
from typing import Any

import pytest

from api_edge.shares.snapshot import (
    MAX_TITLE,
    MOST_BYTES,
    MOST_ITEMS,
    UNTITLED,
    Gathered,
    has_answer,
    shared_items,
    title_of,
)
from contracts.errors import ApiError
from contracts.wire.items import new_item_id, stored
from infra.store.items import ItemRow

JsonObject = dict[str, Any]
PICTURE = {"type": "input_image", "image_url": "https://example.com/a.png", "file_id": "file_1"}


def row(**item: object) -> ItemRow:
    """An item as it is kept."""
    kept = stored(item)
    return ItemRow(
        item_id=new_item_id(kept.type),
        conversation_id="conv_1",
        tenant="ours",
        seq=1,
        type=kept.type,
        role=kept.role,
        status=kept.status,
        call_id=kept.call_id,
        data=kept.data,
        created_at=datetime(2026, 6, 1, tzinfo=UTC),
    )


def asked(*texts: str) -> list[JsonObject]:
    return shared_items([row(role="user", content=text) for text in texts], has_images=False)


@pytest.mark.parametrize(
    "item",
    [
        {"role": "system", "content": "private"},
        {"role": "developer", "content": "private"},
        {"role": "tool", "content": "private"},
        {"type": "function_call", "call_id": "c", "name": "n", "arguments": "private"},
        {"type": "function_call_output", "call_id": "c", "output": "private"},
        {"type": "reasoning", "content": [{"type": "reasoning_text", "text": "private"}]},
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "private"}]},
        {"role": "user", "content": [{"type": "input_file", "file_id": "private"}]},
    ],
    ids=["system", "developer", "tool", "call", "output", "reasoning", "thinking", "file"],
)
def test_what_is_no_text_of_a_question_or_an_answer_is_left_out(item: JsonObject) -> None:
    assert shared_items([row(**item)], has_images=True) == []


def test_a_part_keeps_its_text_alone() -> None:
    part = {"type": "output_text", "text": "hi", "annotations": [{"file_id": "private"}], "user": "private"}

    shown = shared_items([row(role="assistant", content=[part], name="private")], has_images=True)

    content = [{"type": "output_text", "text": "hi"}]
    assert shown == [{"type": "message", "role": "assistant", "content": content}]


def test_a_refusal_is_an_answer() -> None:
    part = {"type": "refusal", "refusal": "no"}

    shown = shared_items([row(role="assistant", content=[part])], has_images=False)

    assert shown[0]["content"] == [part]
    assert has_answer(shown)


@pytest.mark.parametrize(
    ("has_images", "kinds"), [(True, ["input_text", "input_image"]), (False, ["input_text"])]
)
def test_images_are_shown_where_they_are_to_be(*, has_images: bool, kinds: list[str]) -> None:
    question = row(role="user", content=[{"type": "input_text", "text": "what?"}, PICTURE])

    (shown,) = shared_items([question], has_images=has_images)

    assert [part["type"] for part in shown["content"]] == kinds
    assert "file_1" not in str(shown)


def test_a_picture_alone_is_left_out_with_its_images() -> None:
    question = row(role="user", content=[PICTURE])

    assert shared_items([question], has_images=False) == []
    assert len(shared_items([question], has_images=True)) == 1


def test_an_image_without_an_address_is_left_out() -> None:
    question = row(role="user", content=[{"type": "input_image", "file_id": "file_1"}])

    assert shared_items([question], has_images=True) == []


def test_questions_alone_are_no_answer() -> None:
    assert not has_answer(asked("one", "two"))


@pytest.mark.parametrize(
    ("texts", "title"),
    [
        (["Where?", "When?"], "Where?"),
        (["  two \n words "], "two words"),
        (["x" * MAX_TITLE], "x" * MAX_TITLE),
        (["x" * (MAX_TITLE + 1)], "x" * (MAX_TITLE - 1) + "…"),
        (["ü" * (MAX_TITLE + 1)], "ü" * (MAX_TITLE - 1) + "…"),
        ([" \n "], UNTITLED),
        ([], UNTITLED),
    ],
    ids=["the first", "its spaces", "just short enough", "cut", "cut between characters", "blank", "none"],
)
def test_a_title_is_the_beginning_of_the_first_question(texts: list[str], title: str) -> None:
    assert title_of(asked(*texts)) == title


def test_what_comes_part_by_part_is_gathered_in_its_order() -> None:
    gathered = Gathered(has_images=False)
    answer = row(role="assistant", content="two")
    answer.model = "scripted"

    gathered.add([row(role="user", content="one"), answer])
    gathered.add([row(role="user", content="three")])

    assert [item["content"][0]["text"] for item in gathered.items] == ["one", "two", "three"]
    assert gathered.model == "scripted"


@pytest.mark.parametrize("letter", ["x", "ж", "😀"])
def test_a_share_may_hold_so_many_bytes_as_they_are_sent(letter: str) -> None:
    text = letter * 100_000
    most = MOST_BYTES // (len(text.encode()) + 100)
    gathered = Gathered(has_images=False)

    gathered.add([row(role="assistant", content=text) for _ in range(most)])

    with pytest.raises(ApiError, match="10,485,760 bytes") as raised:
        gathered.add([row(role="assistant", content=text)])
    assert raised.value.detail.status == 413


def test_too_many_items_are_refused_and_not_cut() -> None:
    gathered = Gathered(has_images=False)
    gathered.add([row(role="assistant", content="x")] * MOST_ITEMS)

    with pytest.raises(ApiError, match="10,000 items") as raised:
        gathered.add([row(role="assistant", content="x")])
    assert raised.value.detail.status == 413
