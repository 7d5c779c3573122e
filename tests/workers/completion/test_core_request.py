"""Making the provider's request."""

import json
from typing import Any

import pytest

from workers.completion.core import upstream_body, wants_usage

EVERYTHING: dict[str, Any] = {  # OpenAI's wire, open by nature
    "model": "jan/small",
    "messages": [{"role": "user", "content": "Grüße \u2028 \x00 😀", "name": None}],
    "temperature": 0,
    "top_p": 0.0,
    "max_tokens": None,
    "seed": 12345678901234567890123,
    "logit_bias": {},
    "stop": [],
    "logprobs": False,
    "user": "",
    "store": False,
    "top_k": 0,
    "service_tier": "auto",
    "x_unknown": {"deep": [{"er": None}]},
}


def sent(body: dict[str, Any]) -> Any:  # OpenAI's wire, open by nature
    return json.loads(upstream_body(body, model="small"))


def test_every_field_reaches_the_provider_as_it_was() -> None:
    assert sent(EVERYTHING) == EVERYTHING | {"model": "small"}


def test_the_conversation_is_ours_and_stays_here() -> None:
    assert "conversation" not in sent(EVERYTHING | {"conversation": {"id": "conv_1"}})


def test_the_clients_body_is_not_changed() -> None:
    body = {"model": "a", "stream": True, "stream_options": {"x": 1}, "conversation": "conv_1"}
    before = json.dumps(body)

    upstream_body(body, model="b")

    assert json.dumps(body) == before


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (None, {"include_usage": True}),
        ({}, {"include_usage": True}),
        ({"include_usage": None}, {"include_usage": True}),
        ({"include_obfuscation": False}, {"include_obfuscation": False, "include_usage": True}),
        ({"include_usage": False}, {"include_usage": False}),
        ({"include_usage": True, "x": 0}, {"include_usage": True, "x": 0}),
    ],
)
def test_a_stream_asks_for_the_usage_unless_the_client_decided(
    options: dict[str, Any] | None, expected: dict[str, Any]
) -> None:
    assert sent({"stream": True, "stream_options": options})["stream_options"] == expected


def test_a_stream_asks_for_the_usage_where_no_options_were_sent() -> None:
    assert sent({"stream": True})["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize("stream", [False, None])
def test_what_is_not_streamed_gets_no_options(stream: bool | None) -> None:  # noqa: FBT001  a test's parameter
    assert "stream_options" not in sent({"stream": stream})


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, False),
        ({"stream_options": None}, False),
        ({"stream_options": {}}, False),
        ({"stream_options": {"include_usage": None}}, False),
        ({"stream_options": {"include_usage": False}}, False),
        ({"stream_options": {"include_usage": True}}, True),
    ],
)
def test_a_client_wants_usage_only_when_it_says_so(
    body: dict[str, Any],
    expected: bool,  # noqa: FBT001  a test's parameter
) -> None:
    assert wants_usage(body) is expected
