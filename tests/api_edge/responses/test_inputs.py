"""Input, made whole and named."""

from typing import Any

import pytest

from api_edge.responses.inputs import Put, Reference, read_input
from contracts.errors import ApiError
from contracts.wire.items import PREFIXES


def items(given: Any) -> list[dict[str, Any]]:  # as a client sends it
    return [put.item for put in read_input(given) if isinstance(put, Put)]


def test_a_text_is_a_message_of_the_user_however_long() -> None:
    (item,) = items("a" * 200_000)

    assert item["id"].startswith("msg_")
    assert {name: item[name] for name in ("type", "role", "status")} == {
        "type": "message",
        "role": "user",
        "status": "completed",
    }
    assert item["content"] == [{"type": "input_text", "text": "a" * 200_000}]


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ({"role": "user", "content": "Hi"}, "message"),
        ({"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}, "function_call"),
        ({"type": "function_call_output", "call_id": "c", "output": "x"}, "function_call_output"),
        ({"type": "reasoning", "summary": []}, "reasoning"),
        (
            {"type": "mcp_approval_response", "approval_request_id": "mcpr_1", "approve": False},
            "mcp_approval_response",
        ),
    ],
)
def test_an_item_without_a_name_gets_one_of_its_type(given: dict[str, Any], kind: str) -> None:
    (item,) = items([given])

    assert item["type"] == kind
    assert item["id"].startswith(PREFIXES[kind])
    assert ("status" in item) == (kind != "mcp_approval_response")
    if kind != "message":
        assert given.items() <= item.items()


def test_an_item_that_has_a_name_keeps_it() -> None:
    assert items([{"role": "user", "content": "Hi", "id": "mine"}])[0]["id"] == "mine"


def test_a_message_may_be_as_long_as_a_book() -> None:
    assert items([{"role": "user", "content": "a" * 200_000}])[0]["content"][0]["text"] == "a" * 200_000


def test_an_id_alone_is_a_reference() -> None:
    given = [{"type": "item_reference", "id": "rs_1"}, {"id": "msg_1"}]

    assert read_input(given) == [Reference("rs_1", "input[0]"), Reference("msg_1", "input[1]")]


def test_nothing_is_no_items() -> None:
    assert read_input(None) == []


@pytest.mark.parametrize(
    ("item", "param"),
    [
        ({"type": "compaction_trigger"}, "input[1].type"),
        ({"role": "user"}, "input[1].content"),
        ({"role": "nobody", "content": "x"}, "input[1].role"),
        ({"role": "user", "content": "x", "id": 1}, "input[1].id"),
        ({"role": "user", "content": "x", "id": "a" * 257}, "input[1].id"),
        ({"type": "function_call", "call_id": "c", "name": "f"}, "input[1].arguments"),
        ({"type": "mcp_approval_response", "approve": True}, "input[1].approval_request_id"),
    ],
)
def test_an_item_that_is_wrong_is_named_by_its_place(item: dict[str, Any], param: str) -> None:
    with pytest.raises(ApiError) as caught:
        read_input([{"role": "user", "content": "Hi"}, item])

    assert caught.value.detail.param == param
