"""Folding a provider's stream into ours."""

import json
from typing import Any

import pytest

from contracts.errors import ApiError, ErrorType
from contracts.events import Usage
from workers.completion.core import Outcome, Stream

PUBLIC_ID = "chatcmpl-01JD0000000000000000000000"
TOLD = {
    "prompt_tokens": 5,
    "completion_tokens": 7,
    "total_tokens": 12,
    "prompt_tokens_details": {"cached_tokens": 2},
    "completion_tokens_details": {"reasoning_tokens": 3},
}
Json = dict[str, Any]  # OpenAI's wire, open by nature


def stream(*, wants_usage: bool = False, first_seq: int = 0, choices: int = 1) -> Stream:
    return Stream(PUBLIC_ID, "flex", wants_usage=wants_usage, first_seq=first_seq, choices=choices)


def chunk(delta: Json | None = None, finish: str | None = None, index: int = 0, **more: object) -> bytes:
    choice = {"index": index, "delta": delta or {}, "finish_reason": finish}
    return json.dumps({"id": "up", "model": "m-1", "choices": [choice], **more}).encode()


def usage_chunk(**more: object) -> bytes:
    return json.dumps({"id": "up", "model": "m-1", "choices": [], "usage": TOLD, **more}).encode()


def fed(folding: Stream, *payloads: bytes) -> list[Json]:
    """The chunks that come out."""
    return [json.loads(out) for payload in payloads if (out := folding.feed(payload)) is not None]


def failure_of(payload: bytes) -> ApiError:
    with pytest.raises(ApiError) as caught:
        stream().feed(payload)
    return caught.value


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


def test_a_whole_stream_ends_with_model_reason_and_usage() -> None:
    folding = stream()

    fed(
        folding, chunk({"content": "a"}), chunk({"content": "b"}), chunk({}, "stop"), usage_chunk(), b"[DONE]"
    )

    assert folding.close() == Outcome(
        model="m-1",
        finish_reason="stop",
        usage=Usage(input_tokens=5, output_tokens=7, cached_tokens=2, reasoning_tokens=3),
    )


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


def test_a_repeated_finish_passes() -> None:
    folding = stream()

    chunks = fed(folding, chunk({"content": "a"}), chunk({}, "length"), chunk({}, "length"), b"[DONE]")

    assert len(chunks) == 3
    assert folding.close().finish_reason == "length"


def test_done_may_have_spaces_and_nothing_counts_after_it() -> None:
    folding = stream()

    assert fed(folding, chunk({"content": "a"}, "stop"), b" [DONE] ", b"not json", chunk()) != []
    assert folding.seq == 1
    assert folding.close().finish_reason == "stop"


def test_finish_without_done_is_whole() -> None:
    folding = stream()

    fed(folding, chunk({"content": "a"}, "stop"))

    assert folding.close().finish_reason == "stop"


def test_every_choice_must_finish() -> None:
    folding = stream(choices=2)
    fed(folding, chunk({"content": "a"}, index=1), chunk({"content": "b"}), chunk({}, "length", index=1))

    with pytest.raises(ApiError, match="ended before"):
        folding.close()
    fed(folding, chunk({}, "stop"))

    assert folding.close().finish_reason == "stop"


def test_choices_that_never_began_are_missed_unless_the_provider_says_done() -> None:
    """llama.cpp ignores `n` and says `[DONE]` after one choice; a cut stream says nothing."""
    folding = stream(choices=2)
    fed(folding, chunk({"content": "a"}, "stop"))

    with pytest.raises(ApiError, match="ended before"):
        folding.close()
    fed(folding, b"[DONE]")

    assert folding.close().finish_reason == "stop"


@pytest.mark.parametrize(
    "payloads",
    [
        [],
        [b"[DONE]"],
        [chunk({"role": "assistant"})],
        [chunk({"content": "a"})],
        [chunk({"content": "a"}), b"[DONE]"],
        [usage_chunk(), b"[DONE]"],
    ],
)
def test_a_stream_without_its_finish_is_cut(payloads: list[bytes]) -> None:
    folding = stream()
    fed(folding, *payloads)

    with pytest.raises(ApiError) as caught:
        folding.close()

    assert caught.value.detail.code == "provider_stream_cut"
    assert caught.value.detail.status == 502


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"hello",
        b"[1]",
        b'"text"',
        b"null",
        b'{"choices":[{]}',
        b'{"choices":[{"index":0,"delta":{"content":"a',
        b'{"choices":[],"x":NaN}',
        b'{"choices":[],"x":-Infinity}',
        b'{"choices":[],"x":"\\u00',
        b'{"choices":[],"x":"\xff"}',
        b'{"choices":[]}{"choices":[]}',
        b'{"choices":{}}',
        b'{"choices":[1]}',
        b'{"choices":[null]}',
        b'{"choices":[{"index":[]}]}',
        b'{"choices":[{"index":0,"delta":"text"}]}',
        b'{"object":"chat.completion.chunk"}',
        b"{}",
        b'{"choices":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
        b'{"\\ud83d":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
    ],
)
def test_what_is_no_chunk_is_a_bad_answer(payload: bytes) -> None:
    detail = failure_of(payload).detail

    assert detail.code == "provider_bad_answer"
    assert detail.status == 502


def test_names_of_other_types_do_not_reach_the_events() -> None:
    folding = stream()

    fed(folding, b'{"model":7,"choices":[{"index":"a","delta":{},"finish_reason":{"x":1}}]}')

    assert folding.close() == Outcome(model=None, finish_reason=None, usage=None)


def test_an_error_in_the_stream_is_told_with_the_providers_words() -> None:
    payload = {
        "error": {"message": "too long", "type": "invalid_request_error", "param": "messages", "code": "ctx"}
    }

    detail = failure_of(json.dumps(payload).encode()).detail

    assert (detail.type, detail.status) == (ErrorType.INVALID_REQUEST, 400)
    assert (detail.code, detail.message, detail.param) == ("ctx", "too long", "messages")


def test_an_error_beside_choices_is_an_error() -> None:
    """OpenRouter sends the error in a chunk whose finish reason is `error`."""
    payload = (
        b'{"choices":[{"index":0,"delta":{},"finish_reason":"error"}],"error":{"code":502,"message":"gone"}}'
    )

    detail = failure_of(payload).detail

    assert (detail.code, detail.message, detail.status) == ("provider_error", "gone", 502)


def test_an_empty_error_field_is_no_error() -> None:
    assert len(fed(stream(), chunk({"content": "a"}, error=None))) == 1


def test_an_error_in_vllms_older_shape_is_an_error() -> None:
    detail = failure_of(b'{"object":"error","message":"bad","type":"BadRequestError","code":400}').detail

    assert (detail.code, detail.message, detail.status) == (None, "bad", 400)
