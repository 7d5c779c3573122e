"""Texts of strangers, made fit to be shown and kept."""

from math import inf, nan

import pytest

from workers.tool.search.texts import clean, one_line, shortened


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("abcd", "abcd"),
        ("abcdef", "abcd…"),
        ("abc def", "abc…"),
        ("abce\u0301f", "abc…"),
        ("abc👩\u200d🚀x", "abc…"),
        ("abc👍🏽x", "abc…"),
        ("abc❤\ufe0fx", "abc…"),
        ("e\u0301\u0301\u0301\u0301\u0301", "e\u0301\u0301\u0301…"),
    ],
)
def test_what_is_one_letter_to_its_reader_is_not_cut(text: str, short: str) -> None:
    assert shortened(text, 4) == short


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (" a\n\tb  c ", "a b c"),
        ("a\x00b\x1b[31m", "a b [31m"),
        ("", None),
        (" \n", None),
        (None, None),
        (7, None),
        (["a"], None),
    ],
)
def test_a_text_stands_on_one_line_or_there_is_none(value: object, text: str | None) -> None:
    assert one_line(value) == text


def test_json_is_made_fit_for_every_reader() -> None:
    odd = {"a\x00": ["b\x00c", "\ud800", inf, nan, 1.5, None, True]}

    assert clean(odd) == {"a": ["bc", "?", None, None, 1.5, None, True]}


def test_json_that_is_too_deep_is_refused() -> None:
    deep: list[object] = []
    for _ in range(40):
        deep = [deep]

    with pytest.raises(ValueError, match="too deep"):
        clean(deep)
