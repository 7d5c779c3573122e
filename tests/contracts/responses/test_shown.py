"""What of an item is shown only to who asks for it."""

from typing import Any

import pytest

from contracts.responses.shown import shown_item

SEARCH = {"type": "web_search_call", "action": {"type": "search", "sources": [1]}, "results": [2]}
FILES = {"type": "file_search_call", "queries": ["q"], "results": [1]}
CODE = {"type": "code_interpreter_call", "code": "1", "outputs": [1]}
MESSAGE = {"type": "message", "content": []}


@pytest.mark.parametrize(
    ("item", "include", "shown"),
    [
        (MESSAGE, [], MESSAGE),
        (FILES, [], FILES | {"results": None}),
        (FILES, ["file_search_call.results"], FILES),
        (CODE, ["file_search_call.results"], CODE | {"outputs": None}),
        (CODE, ["code_interpreter_call.outputs"], CODE),
        ({"type": "code_interpreter_call"}, [], {"type": "code_interpreter_call"}),
        (SEARCH, [], {"type": "web_search_call", "action": {"type": "search"}}),
        (
            SEARCH,
            ["web_search_call.action.sources"],
            {"type": "web_search_call", "action": SEARCH["action"]},
        ),
        (SEARCH, ["web_search_call.action.sources", "web_search_call.results"], SEARCH),
        ({"type": "web_search_call", "action": None}, [], {"type": "web_search_call", "action": None}),
    ],
)
def test_what_is_not_asked_for_is_left_out(
    item: dict[str, Any], include: list[str], shown: dict[str, Any]
) -> None:
    before = repr(item)

    assert shown_item(item, include) == shown
    assert repr(item) == before
