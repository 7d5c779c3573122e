"""Checking a whole answer."""

import json

import pytest

from contracts.errors import ApiError
from contracts.events import Ending, Usage
from workers.completion.core import whole_answer

PUBLIC_ID = "chatcmpl-01JD0000000000000000000000"
ANSWER = {
    "id": "up-1",
    "object": "chat.completion",
    "created": 1,
    "model": "m-1",
    "service_tier": "default",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "ü\n", "audio": None},
            "finish_reason": "stop",
        },
        {"index": 1, "message": {"role": "assistant", "content": "b"}, "finish_reason": "length"},
    ],
    "usage": {"prompt_tokens": 5, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 2}},
    "timings": {"per_second": 12.5, "big": 12345678901234567890123},
}


def test_an_answer_gets_our_id_and_tier_and_keeps_the_rest() -> None:
    payload, outcome = whole_answer(json.dumps(ANSWER).encode(), PUBLIC_ID, "priority")

    assert json.loads(payload) == ANSWER | {"id": PUBLIC_ID, "service_tier": "priority"}
    assert outcome == Ending(
        model="m-1",
        finish_reason="stop",
        usage=Usage(input_tokens=5, output_tokens=7, cached_tokens=2),
    )


def test_an_answer_without_usage_has_none() -> None:
    _, outcome = whole_answer(b'{"choices":[{"index":0,"message":{}}]}', PUBLIC_ID, "default")

    assert outcome == Ending(model=None, finish_reason=None, usage=None)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"choices":[]}',
        b'{"choices":null}',
        b'{"choices":[1]}',
        b'{"choices":[{}',
    ],
)
def test_what_is_no_completion_is_a_bad_answer(body: bytes) -> None:
    with pytest.raises(ApiError) as caught:
        whole_answer(body, PUBLIC_ID, "default")

    assert caught.value.detail.code == "provider_bad_answer"


def test_an_error_under_status_200_is_an_error() -> None:
    with pytest.raises(ApiError, match="no such luck") as caught:
        whole_answer(b'{"error":{"message":"no such luck","code":"luck"}}', PUBLIC_ID, "default")

    assert caught.value.detail.code == "luck"
    assert caught.value.detail.status == 502
