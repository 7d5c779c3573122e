"""Checking a whole answer."""

import json

import pytest

from contracts.errors import ApiError
from contracts.events import Ending, Usage
from contracts.jobs import Endpoint
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


VECTORS = {
    "object": "list",
    "data": [{"object": "embedding", "index": 0, "embedding": [0.1, -2e-05]}],
    "model": "e-1",
    "usage": {"prompt_tokens": 3, "total_tokens": 3},
}


@pytest.mark.parametrize("embedding", [[0.1, -2e-05], "zczMPQ=="])
def test_embeddings_stay_as_they_are(embedding: object) -> None:
    said = VECTORS | {"data": [{"object": "embedding", "index": 0, "embedding": embedding}]}
    body = json.dumps(said, indent=1).encode()

    payload, outcome = whole_answer(body, PUBLIC_ID, "default", Endpoint.EMBEDDINGS)

    assert payload == body
    assert outcome == Ending(model="e-1", finish_reason=None, usage=Usage(input_tokens=3))


@pytest.mark.parametrize(
    "data", [None, [], {}, [1], [{}], [{"embedding": None}], [{"embedding": [1]}, {"embedding": 7}]]
)
def test_what_holds_no_embeddings_is_a_bad_answer(data: object) -> None:
    with pytest.raises(ApiError) as raised:
        whole_answer(json.dumps({"data": data}).encode(), PUBLIC_ID, "default", Endpoint.EMBEDDINGS)

    assert raised.value.detail.code == "provider_bad_answer"


def test_a_legacy_completion_gets_its_own_id() -> None:
    said = {"object": "text_completion", "choices": [{"index": 0, "text": "a", "finish_reason": "stop"}]}

    payload, outcome = whole_answer(json.dumps(said).encode(), "cmpl-1", "flex", Endpoint.COMPLETIONS)

    assert json.loads(payload) == said | {"id": "cmpl-1", "service_tier": "flex"}
    assert outcome.finish_reason == "stop"
