"""What the database can keep."""

from typing import Any

import pytest

from contracts.wire.storable import is_storable, unkept


@pytest.mark.parametrize("text", ["", "héllo 👋", "\t\n\x01\x7f", "\uffff"])
def test_texts_are_kept(text: str) -> None:
    assert is_storable(text)
    assert unkept({"a": [text, 1, 1.5, True, None, {text: text}]}) is None


@pytest.mark.parametrize("text", ["\0", "a\0b", "\ud800", "x\udfff"])
def test_what_no_database_can_keep_is_not(text: str) -> None:
    assert not is_storable(text)


@pytest.mark.parametrize(
    ("value", "where"),
    [
        ("\0", ""),
        ({"a": {"b": ["x", "\0"]}}, "a.b[1]"),
        ([{"\0": 1}], "[0]"),
        ({"\0": 1}, ""),
        ({"n": float("nan")}, "n"),
        ({"n": [1.0, float("-inf")]}, "n[1]"),
    ],
)
def test_where_it_is_is_told(value: Any, where: str) -> None:
    found = unkept(value)

    assert found is not None
    assert found[0] == where
