"""Merge patches, by the examples of RFC 7396, appendix A, as far as they are objects."""

import pytest

from api_edge.auth.profile_settings import checked_patch, merged
from contracts.errors import ApiError
from contracts.wire.users import JsonObject


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
        ({"a": 1}, {"a": {"b": 2}}, {"a": {"b": 2}}),
    ],
)
def test_objects_are_merged_and_null_removes(
    target: JsonObject, patch: JsonObject, result: JsonObject
) -> None:
    before = repr(target)

    assert merged(target, patch) == result
    assert repr(target) == before


def test_depth_is_bounded_and_counted_in_levels() -> None:
    patch: JsonObject = {}
    for _ in range(31):
        patch = {"a": patch}

    checked_patch(patch)
    with pytest.raises(ApiError, match="at most 32 levels"):
        checked_patch({"a": patch})


def test_a_long_path_is_told_in_short() -> None:
    with pytest.raises(ApiError) as refusal:
        checked_patch({"k" * 1_000: "\0"})

    assert refusal.value.detail.param == "k" * 64
