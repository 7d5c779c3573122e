"""What admins disallow, in arguments and in results."""

import pytest

from contracts.tools.spec import ToolResult, text_block
from workers.tool.core.filtering import BadPattern, Filter


@pytest.mark.parametrize("value", ["a SECRET b", {"x": ["deep", {"y": "secret"}]}, ["secret"]])
def test_a_pattern_is_found_anywhere_in_any_case(value: object) -> None:
    assert Filter(["secret"]).finds(value)


@pytest.mark.parametrize("value", ["se cret", {"secret": "the name of a field"}, 7, None, []])
def test_what_does_not_hold_it_passes(value: object) -> None:
    assert not Filter(["secret"]).finds(value)


def test_without_patterns_nothing_is_found() -> None:
    assert not Filter([]).finds("secret")


def test_entries_and_lines_go_and_the_rest_stays() -> None:
    result = ToolResult(
        content=[text_block("one\na secret\ntwo")], structured={"a": ["x", "my secret"], "b": {"c": "secret"}}
    )

    filtered = Filter(["secret"]).filtered(result)

    assert filtered.structured == {"a": ["x"], "b": {"c": ""}}
    assert filtered.text == '{"a": ["x"], "b": {"c": ""}}'


def test_a_result_of_text_alone_loses_its_lines() -> None:
    filtered = Filter(["secret"]).filtered(ToolResult(content=[text_block("one\na secret\ntwo")]))

    assert filtered.text == "one\ntwo"


def test_a_pattern_that_would_take_for_ever_elsewhere_takes_no_time() -> None:
    assert not Filter(["(a+)+$"]).finds("a" * 100_000 + "!")


def test_what_is_no_pattern_is_told() -> None:
    with pytest.raises(BadPattern):
        Filter(["("])
