"""References to media in what clients send."""

from typing import Any

import pytest

from contracts.ids import is_media_id, media_id, new_ulid
from contracts.media import media_counts, media_id_in, media_ids, references, replaced, with_parts

ONE, TWO = "jan_01kb3m5q8z7v2t4x6y8w0r1s2t", "jan_01kb3m5q8z7v2t4x6y8w0r1s2v"


def messages(*images: object) -> list[Any]:
    parts: list[object] = [{"type": "text", "text": f"what is {ONE}?"}]
    parts += [{"type": "image_url", "image_url": image} for image in images]
    return [{"role": "system", "content": "s"}, {"role": "user", "content": parts}]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        (ONE, ONE),
        (f"data:image/png;{ONE}", ONE),
        (f"data:image/svg+xml;base64,{ONE}", ONE),
        (ONE.upper(), None),
        (f"https://example.com/{ONE}", None),
        (ONE + "x", None),
        (f" {ONE}", None),
        ("jan_short", None),
        ("data:image/png;base64,aGphbl8=", None),
        (7, None),
        (None, None),
    ],
)
def test_a_reference_is_an_id_or_stands_for_a_data_urls_bytes(text: object, meant: str | None) -> None:
    assert media_id_in(text) == meant
    assert media_ids(messages({"url": text})) == ([] if meant is None else [meant])
    assert media_ids(messages(text)) == ([] if meant is None else [meant])


@pytest.mark.parametrize("given", [None, "x", 7, ["x", {"content": ["y", 7]}], {"content": []}])
def test_what_holds_no_images_names_nothing(given: object) -> None:
    assert media_ids(given) == []


def test_images_become_urls_or_words_and_all_else_stays() -> None:
    given = messages({"url": ONE, "detail": "low"}, {"url": "https://example.com/a.png"}, TWO)

    told = with_parts(given, {ONE: "https://s3/one", TWO: {"type": "text", "text": "gone"}})

    assert told[1]["content"] == [
        {"type": "text", "text": f"what is {ONE}?"},
        {"type": "image_url", "image_url": {"url": "https://s3/one", "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
        {"type": "text", "text": "gone"},
    ]
    assert told[0] == given[0]
    assert media_ids(given) == [ONE, TWO]  # the given one is left alone


def test_images_are_counted_as_often_as_they_stand_there() -> None:
    given = messages(ONE, {"url": f"data:image/png;{ONE}"}, TWO, "https://example.com/a.png")

    assert media_counts([*given, *messages(TWO)]) == {ONE: 2, TWO: 2}
    assert media_counts(None).total() == 0


def test_input_items_name_images_by_url_or_by_file() -> None:
    given = [
        {
            "role": "user",
            "content": [
                {"type": "input_image", "file_id": ONE, "detail": "high"},
                {"type": "input_image", "image_url": f"data:image/png;{TWO}"},
                {"type": "input_image", "file_id": "file-7"},
            ],
        }
    ]

    assert media_ids(given) == [ONE, TWO]
    assert with_parts(given, {ONE: "https://s3/one", TWO: "https://s3/two"})[0]["content"] == [
        {"type": "input_image", "detail": "high", "image_url": "https://s3/one"},
        {"type": "input_image", "image_url": "https://s3/two"},
        {"type": "input_image", "file_id": "file-7"},
    ]


def test_any_json_is_searched() -> None:
    given = {
        "a": [ONE, f"see data:image/png;{TWO}, and {ONE}"],
        "b": {"c": f"data:image/png;base64,{ONE}"},
        "d": 1,
    }

    assert references(given) == [ONE, TWO]
    assert replaced(given, {ONE: "1", TWO: "2"}) == {"a": ["1", f"see 2, and {ONE}"], "b": {"c": "1"}, "d": 1}
    assert replaced(given, {}) == given


def test_an_id_is_that_of_its_job() -> None:
    job = new_ulid()

    assert is_media_id(media_id(job))
    assert media_id_in(media_id(job)) == media_id(job)
    assert not is_media_id(f"jan_{job}")
