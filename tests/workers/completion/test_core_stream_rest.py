"""A stream that goes on from what a lost attempt showed."""

import json

from contracts.events import Usage
from tests.workers.completion.folding import PUBLIC_ID, TOLD, chunk, fed, usage_chunk
from workers.completion.core import Shown, Stream

ROLE = chunk({"role": "assistant", "content": None}, created=9)


def rest(shown: Shown | None = None, *, wants_usage: bool = False) -> Stream:
    shown = shown or Shown(text="one two ", tokens=2, created=7, model="m-0")
    return Stream(PUBLIC_ID, "flex", wants_usage=wants_usage, first_seq=3, shown=shown)


def test_what_begins_it_is_left_out_and_the_numbers_and_the_time_go_on() -> None:
    chunks = fed(rest(), ROLE, chunk({"content": ""}, created=9), chunk({"content": "three"}, created=9))

    assert [one["choices"][0]["delta"] for one in chunks] == [{"content": "three"}]
    assert [(one["x_seq"], one["created"], one["id"]) for one in chunks] == [(3, 7, PUBLIC_ID)]


def test_a_finish_without_any_further_text_is_told() -> None:
    going = rest()

    (finish,) = fed(going, ROLE, chunk(finish="stop"), b"[DONE]")

    assert (finish["x_seq"], finish["choices"][0]["finish_reason"]) == (3, "stop")
    assert going.close().usage == Usage(output_tokens=2, estimated=True)


def test_the_usage_of_both_parts_is_counted_once() -> None:
    going = rest(wants_usage=True)

    *_, told = fed(going, ROLE, chunk({"content": "three"}), chunk(finish="stop"), usage_chunk(), b"[DONE]")

    assert told["usage"] | {"prompt_tokens_details": None} == TOLD | {
        "prompt_tokens": 3,
        "completion_tokens": 9,
        "total_tokens": 12,
        "prompt_tokens_details": None,
    }
    assert going.close().usage == Usage(
        input_tokens=3, output_tokens=9, cached_tokens=2, reasoning_tokens=3, estimated=True
    )


def test_cached_tokens_are_never_more_than_the_prompt() -> None:
    told = {"prompt_tokens": 5, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 5}}
    going = rest()

    fed(going, chunk({"content": "three"}), json.dumps({"choices": [], "usage": told}).encode())

    assert going.usage == Usage(input_tokens=3, output_tokens=3, cached_tokens=3, estimated=True)


def test_a_rest_without_a_usage_counts_what_was_shown_before_too() -> None:
    going = rest()
    assert going.usage == Usage(output_tokens=2, estimated=True)

    fed(going, ROLE, chunk({"content": "three"}))

    assert going.usage == Usage(output_tokens=3, estimated=True)


def test_an_answer_that_is_begun_anew_behind_a_role_says_its_role_once() -> None:
    chunks = fed(rest(Shown(created=7)), ROLE, chunk({"content": "one"}))

    assert [one["choices"][0]["delta"] for one in chunks] == [{"content": "one"}]
