"""Items as a request brings them."""

import pytest

from api_edge.conversations.items import MAX_PARAM, checked_items
from contracts.errors import ApiError


def test_items_are_checked_in_their_order() -> None:
    items = checked_items([{"role": "user", "content": "a"}, {"type": "reasoning"}])

    assert [item.type for item in items] == ["message", "reasoning"]


def test_the_first_that_is_wrong_is_named() -> None:
    with pytest.raises(ApiError) as refusal:
        checked_items([{"role": "user", "content": "a"}, {"role": "user", "content": [{"type": "text"}]}])

    detail = refusal.value.detail
    assert (detail.status, detail.param) == (400, "items[1].content[0].text")
    assert detail.message == "items[1].content[0].text must be a text"


def test_a_clients_own_names_are_told_cut() -> None:
    with pytest.raises(ApiError) as refusal:
        checked_items([{"type": "reasoning", "x" * 500: "\0"}])

    assert len(refusal.value.detail.param or "") == MAX_PARAM
