"""What cannot be indexed is told in a sentence."""

from typing import Any

import pytest

from contracts.tools.file_search import IndexArguments, QueryArguments
from workers.tool.core.arguments import BadArguments, read_arguments
from workers.tool.file_search.checking import check_document, check_ids, check_query, passages_wanted


def deep(levels: int) -> dict[str, Any]:
    value: Any = 1
    for _ in range(levels):
        value = {"a": value}
    return {"a": value}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"text": "a\0b"}, "text holds a NUL character"),
        ({"text": " \n "}, "text is blank"),
        ({"document_id": "a\0"}, "document_id holds a NUL character"),
        ({"document_id": "  "}, "document_id is blank"),
        ({"document_id": "x" * 300}, "document_id"),
        ({"document_id": ""}, "document_id"),
        ({"text": ""}, "text"),
        ({"text": "x" * 4_000_001}, "text"),
        ({"tags": ["a\0"]}, "tags holds a NUL character"),
        ({"tags": [""]}, "A tag has 1 to 128 characters"),
        ({"tags": ["x" * 129]}, "A tag has 1 to 128 characters"),
        ({"metadata": {"a": ["b\0"]}}, "metadata holds a NUL character"),
        ({"metadata": {"a\0": 1}}, "metadata holds a NUL character"),
        ({"metadata": {"a": "x" * 70_000}}, "metadata may have 65,536 characters"),
        ({"metadata": {"a": float("nan")}}, "metadata"),
        ({"metadata": deep(100)}, "metadata"),
    ],
)
def test_what_cannot_be_kept_is_refused(arguments: dict[str, Any], said: str) -> None:
    given = {"document_id": "d", "text": "some text"} | arguments

    with pytest.raises(BadArguments, match=said):
        check_document(read_arguments(IndexArguments, given))


def test_half_of_a_surrogate_pair_is_refused() -> None:
    with pytest.raises(BadArguments):
        check_document(read_arguments(IndexArguments, {"document_id": "d", "text": "a \ud83e b"}))


def test_what_can_be_kept_is_not_refused() -> None:
    metadata = {"author": "Ada", "pages": 3, "more": {"list": [1, None, True, " "]}}
    given = {"document_id": "d/1 ü", "text": "🦊", "metadata": metadata, "tags": ["a b"]}

    check_document(read_arguments(IndexArguments, given))


@pytest.mark.parametrize(
    "arguments",
    [{"query": "a\0"}, {"query": " "}, {"document_ids": ["\0"]}, {"document_ids": [""]}, {"tags": ["\0"]}],
)
def test_what_cannot_be_asked_is_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(BadArguments):
        check_query(read_arguments(QueryArguments, {"query": "what"} | arguments))


def test_names_that_no_document_can_have_are_refused() -> None:
    with pytest.raises(BadArguments, match="1 to 256 characters"):
        check_ids(["x" * 257])


@pytest.mark.parametrize(("asked", "given"), [(0, 5), (-1, 5), (1, 1), (20, 20), (21, 20), (10**9, 20)])
def test_the_number_of_passages_is_brought_into_its_bounds(asked: int, given: int) -> None:
    assert passages_wanted(asked) == given
