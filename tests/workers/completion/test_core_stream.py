"""Folding a provider's stream into ours."""

import json

import pytest

from contracts.events import Usage
from tests.workers.completion.folding import (
    PUBLIC_ID,
    TOLD,
    Json,
    chunk,
    fed,
    stream,
    usage_chunk,
)


def test_a_chunk_gets_our_id_its_number_and_the_tier() -> None:
    chunks = fed(stream(), chunk({"content": "a"}, service_tier="default"), chunk({"content": "b"}))

    assert [each["id"] for each in chunks] == [PUBLIC_ID, PUBLIC_ID]
    assert [each["x_seq"] for each in chunks] == [0, 1]
    assert {each["service_tier"] for each in chunks} == {"flex"}


def test_numbers_go_on_from_where_an_earlier_attempt_ended() -> None:
    folding = stream(first_seq=41)

    chunks = fed(folding, chunk({"content": "a"}), usage_chunk(), chunk({"content": "b"}))

    assert [each["x_seq"] for each in chunks] == [41, 42]
    assert folding.seq == 43


def test_everything_else_in_a_chunk_is_kept() -> None:
    delta = {
        "reasoning_content": "hm",
        "tool_calls": [{"index": 0, "id": "call_1", "function": {"name": "f", "arguments": "{"}}],
        "new_field": {"deep": [0, None, 12345678901234567890123, 0.1, "ü\u2028\n"]},
    }
    sent = json.loads(chunk(delta, None, system_fingerprint="fp", created=0, obfuscation="xyz"))
    sent["choices"][0]["logprobs"] = {"content": [{"token": "a", "logprob": -0.25, "top_logprobs": []}]}

    [got] = fed(stream(), json.dumps(sent).encode())

    assert got == sent | {"id": PUBLIC_ID, "x_seq": 0, "service_tier": "flex"}


def test_a_chunk_is_one_line_also_when_the_provider_wrote_several() -> None:
    out = stream().feed(json.dumps(json.loads(chunk({"content": "a\nb"})), indent=2).encode())

    assert out is not None
    assert b"\n" not in out


def test_half_a_surrogate_pair_passes() -> None:
    [first, second] = fed(
        stream(),
        b'{"choices":[{"index":0,"delta":{"content":"\\ud83d"}}]}',
        b'{"choices":[{"index":0,"delta":{"content":"\\ude00"}}]}',
    )

    text = first["choices"][0]["delta"]["content"] + second["choices"][0]["delta"]["content"]
    assert text.encode("utf-16", "surrogatepass").decode("utf-16") == "😀"


def test_a_number_beyond_a_double_leaves_the_chunk_valid_json() -> None:
    [got] = fed(stream(), b'{"choices":[],"timing":1e999}')

    assert got["timing"] is None


def test_the_usage_chunk_is_withheld_from_a_client_who_did_not_ask() -> None:
    assert fed(stream(wants_usage=False), usage_chunk()) == []


def test_the_usage_chunk_reaches_a_client_who_asked() -> None:
    [got] = fed(stream(wants_usage=True), usage_chunk())

    assert got["usage"] == TOLD
    assert got["choices"] == []


def test_an_empty_usage_field_is_only_shown_to_a_client_who_asked() -> None:
    [hidden] = fed(stream(wants_usage=False), chunk({"content": "a"}, usage=None))
    [shown] = fed(stream(wants_usage=True), chunk({"content": "a"}, usage=None))

    assert "usage" not in hidden
    assert shown["usage"] is None


def test_usage_on_a_content_chunk_stays_and_counts() -> None:
    folding = stream()

    [got] = fed(folding, chunk({"content": "a"}, "stop", usage=TOLD))

    assert got["usage"] == TOLD
    assert folding.close().usage == Usage(
        input_tokens=5, output_tokens=7, cached_tokens=2, reasoning_tokens=3
    )


def test_the_last_usage_wins() -> None:
    folding = stream()

    fed(folding, *(chunk({"content": "a"}, usage={"completion_tokens": count}) for count in (1, 2, 3)))

    assert folding.usage == Usage(output_tokens=3)


def test_usage_that_was_not_told_is_counted_by_chunks() -> None:
    folding = stream()

    fed(
        folding, chunk({"role": "assistant", "content": ""}), chunk({"content": "a"}), chunk({"content": "b"})
    )
    fed(folding, chunk({}, "stop"))

    assert folding.close().usage == Usage(output_tokens=2, estimated=True)


@pytest.mark.parametrize("usage", [{}, {"total_tokens": 3}, {"completion_tokens": "7"}, [], "7"])
def test_usage_that_counts_nothing_is_as_good_as_none(usage: object) -> None:
    folding = stream()

    fed(folding, chunk({"content": "a"}, "stop", usage=usage))

    assert folding.close().usage == Usage(output_tokens=1, estimated=True)


def test_nothing_was_used_before_anything_came() -> None:
    assert stream().usage is None


@pytest.mark.parametrize(
    "delta",
    [
        {"content": "a"},
        {"reasoning_content": "a"},
        {"reasoning": "a"},
        {"refusal": "no"},
        {"tool_calls": [{"index": 0}]},
        {"function_call": {"name": "f"}},
        {"role": "assistant", "content": " "},
    ],
)
def test_content_is_visible(delta: Json) -> None:
    folding = stream()

    fed(folding, chunk(delta))

    assert folding.visible


@pytest.mark.parametrize(
    "payload",
    [
        chunk({"role": "assistant", "content": "", "refusal": None}),
        chunk({"role": "assistant", "content": None, "tool_calls": []}),
        b'{"choices":[{"index":0,"delta":null}]}',
        b'{"choices":[{"index":0}]}',
        b'{"choices":[],"prompt_filter_results":[{"prompt_index":0}]}',
        usage_chunk(),
        b"[DONE]",
    ],
)
def test_a_chunk_without_content_is_not_visible(payload: bytes) -> None:
    folding = stream()

    fed(folding, payload)

    assert not folding.visible


def test_chunks_without_choices_pass() -> None:
    """Azure begins with its content filter's findings; servers in Go write an empty list as null or not."""
    first, second = fed(
        stream(),
        b'{"id":"","choices":[],"prompt_filter_results":[{"prompt_index":0}]}',
        b'{"id":"","choices":null}',
    )

    assert first["prompt_filter_results"] == [{"prompt_index": 0}]
    assert second["choices"] == []
    assert fed(stream(), b'{"usage":{"completion_tokens":1}}') == []
