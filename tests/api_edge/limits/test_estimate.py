"""What a chat completion is taken to use."""

from typing import Any

import pytest

from api_edge.limits.estimate import MEDIA_TOKENS, MOST, estimate, expected_of_chat
from contracts.wire.chat import ChatCompletionRequest

JsonObject = dict[str, Any]  # OpenAI's wire
HI: JsonObject = {"role": "user", "content": "hi"}


def numbers(size: int, *messages: JsonObject, **fields: object) -> tuple[int, int]:
    body = {"model": "m", "messages": list(messages or (HI,)), **fields}
    wanted = ChatCompletionRequest.model_validate(body, strict=True)
    found = estimate(expected_of_chat(wanted, size), "j", answer_tokens=1_024, seconds=600)
    return found.input_tokens, found.output_tokens


def test_a_prompt_is_a_token_for_each_four_bytes() -> None:
    assert numbers(400)[0] == 101


@pytest.mark.parametrize(
    ("fields", "tokens"),
    [
        ({}, 1_024),
        ({"max_tokens": 7}, 7),
        ({"max_completion_tokens": 5, "max_tokens": 7}, 5),
        ({"max_tokens": 7, "n": 3}, 21),
        ({"max_tokens": -1}, 1_024),
        ({"max_tokens": 0, "n": 0}, 1_024),
        ({"n": -4}, 1_024),
        ({"max_tokens": 10**30, "n": 10**30}, MOST),
    ],
)
def test_an_answer_is_what_the_request_allows(fields: JsonObject, tokens: int) -> None:
    assert numbers(10, **fields)[1] == tokens


def test_inline_media_are_no_text() -> None:
    url = "data:image/png;base64," + "A" * 40_000
    picture = {"type": "image_url", "image_url": {"url": url, "detail": "low"}}
    message = {"role": "user", "content": [{"type": "text", "text": "what is it?"}, picture]}

    assert numbers(len(url) + 3 + 400, message)[0] == 101 + MEDIA_TOKENS


def test_media_of_a_strange_shape_do_no_harm() -> None:
    parts = [{"image_url": "x" * 500}, {"image_url": 7}, {"file": None}, {"input_audio": {"data": 1}}]

    assert numbers(100, {"role": "user", "content": parts})[0] == 1 + 4 * MEDIA_TOKENS
