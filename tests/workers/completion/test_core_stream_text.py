"""Folding streams of legacy completions, whose choices hold their text themselves."""

import json

import pytest

from contracts.errors import ApiError, ErrorCode
from contracts.events import Usage
from contracts.jobs import Endpoint
from tests.workers.completion.folding import fed, usage_chunk
from workers.completion.core import Stream

PUBLIC_ID = "cmpl-01JD0000000000000000000000"


def stream(*, choices: int = 1) -> Stream:
    return Stream(PUBLIC_ID, "default", wants_usage=False, choices=choices, endpoint=Endpoint.COMPLETIONS)


def chunk(text: object, finish: str | None = None, index: int = 0) -> bytes:
    choice = {"index": index, "text": text, "logprobs": None, "finish_reason": finish}
    return json.dumps({"id": "up", "object": "text_completion", "model": "m", "choices": [choice]}).encode()


def test_a_chunk_keeps_its_shape_and_gets_our_id_and_number() -> None:
    (first, second) = fed(stream(), chunk("a"), chunk("b", "stop"))

    assert first == json.loads(chunk("a")) | {"id": PUBLIC_ID, "x_seq": 0, "service_tier": "default"}
    assert (second["x_seq"], second["choices"][0]["text"]) == (1, "b")


@pytest.mark.parametrize(("text", "is_visible"), [("a", True), (" ", True), ("", False), (None, False)])
def test_a_text_is_what_is_visible(text: object, *, is_visible: bool) -> None:
    folding = stream()
    folding.feed(chunk(text))

    assert folding.visible is is_visible


def test_usage_is_that_of_the_provider_or_counted() -> None:
    counted, told = stream(), stream()
    fed(counted, chunk("a"), chunk("b"))
    fed(told, chunk("a"), usage_chunk())

    assert counted.usage == Usage(output_tokens=2, estimated=True)
    assert told.usage is not None
    assert not told.usage.estimated


def test_each_choice_of_each_prompt_needs_its_end() -> None:
    folding = stream(choices=2)
    fed(folding, chunk("a", "stop", 0), chunk("b", None, 1))

    with pytest.raises(ApiError) as raised:
        folding.close()
    fed(folding, chunk("", "length", 1))

    assert raised.value.detail.code == ErrorCode.PROVIDER_STREAM_CUT
    assert folding.close().finish_reason == "stop"


def test_the_null_before_several_prompts_is_nothing() -> None:
    assert len(fed(stream(), b"null", chunk("a", "stop"))) == 1


@pytest.mark.parametrize("choice", ["1", "null", "[]"])
def test_a_choice_that_is_none_is_a_bad_answer(choice: str) -> None:
    with pytest.raises(ApiError) as raised:
        stream().feed(b'{"choices":[%b]}' % choice.encode())

    assert raised.value.detail.code == ErrorCode.PROVIDER_BAD_ANSWER
