"""Anthropic's list of its models as ours."""

import json
from typing import Any

import pytest

from contracts.errors import ApiError
from workers.completion.core.anthropic import models_page
from workers.completion.core.catalog import ListedModel

Json = dict[str, Any]  # Anthropic's wire, open by nature
FULL = {
    "type": "model",
    "id": "claude-b",
    "display_name": "Claude B",
    "created_at": "2025-02-19T00:00:00Z",
    "max_input_tokens": 200_000,
    "max_tokens": 64_000,
    "capabilities": {"image_input": {"supported": True}, "thinking": {"supported": False}, "batch": {}},
}


def page(*entries: object, **more: object) -> tuple[list[ListedModel], str | None]:
    return models_page(json.dumps({"data": entries, **more}).encode(), "anthropic")


def test_a_model_is_told_with_its_limits_and_abilities() -> None:
    assert page(FULL)[0] == [
        ListedModel(
            id="claude-b",
            created=1_739_923_200,
            owned_by="anthropic",
            display_name="Claude B",
            context_length=200_000,
            max_completion_tokens=64_000,
            supports={"images": True, "reasoning": False},
        )
    ]


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"created_at": "soon", "display_name": " ", "max_tokens": 0, "capabilities": None},
        {"created_at": "2025-02-19T00:00:00", "display_name": 7, "max_input_tokens": "many"},
        {"created_at": "1899-01-01T00:00:00Z", "max_tokens": 2**40, "capabilities": []},
    ],
)
def test_what_is_not_told_is_not_known(more: Json) -> None:
    assert page({"id": "claude-a"} | more)[0] == [ListedModel(id="claude-a", created=0, owned_by="anthropic")]


@pytest.mark.parametrize("entry", [{}, {"id": ""}, {"id": 7}, {"id": "a\0b"}, {"id": "x" * 257}, "claude"])
def test_models_without_a_name_that_can_be_kept_are_left_out(entry: object) -> None:
    assert page(entry)[0] == []


def test_the_next_page_begins_behind_the_last_model() -> None:
    assert page(FULL, has_more=True, last_id="claude-b")[1] == "claude-b"


@pytest.mark.parametrize(
    "more", [{}, {"has_more": False, "last_id": "x"}, {"has_more": True}, {"has_more": True, "last_id": 7}]
)
def test_the_last_page_is_known(more: Json) -> None:
    assert page(**more) == ([], None)


@pytest.mark.parametrize("body", [b"{}", b'{"data":{}}', b"x"])
def test_what_is_no_list_of_models_is_a_bad_answer(body: bytes) -> None:
    with pytest.raises(ApiError) as caught:
        models_page(body, "o")

    assert caught.value.detail.code == "provider_bad_answer"
