"""How a folded stream ends: whole, cut, or with an error."""

import json

import pytest

from contracts.errors import ApiError, ErrorType
from contracts.events import Ending, Usage
from tests.workers.completion.folding import (
    chunk,
    failure_of,
    fed,
    stream,
    usage_chunk,
)


def test_a_whole_stream_ends_with_model_reason_and_usage() -> None:
    folding = stream()

    fed(
        folding, chunk({"content": "a"}), chunk({"content": "b"}), chunk({}, "stop"), usage_chunk(), b"[DONE]"
    )

    assert folding.close() == Ending(
        model="m-1",
        finish_reason="stop",
        usage=Usage(input_tokens=5, output_tokens=7, cached_tokens=2, reasoning_tokens=3),
    )


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

    assert folding.close() == Ending(model=None, finish_reason=None, usage=None)


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
