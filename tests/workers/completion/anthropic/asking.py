"""Asking a provider with Anthropic's API as the worker does, both ways."""

import json
from typing import Any

import pytest

from contracts.events import Ending
from contracts.jobs import Endpoint
from tests.workers.completion.hearing import soon
from workers.completion.core import Provider, Stream, upstream_body, whole_answer
from workers.completion.core.whole import whole_of

Json = dict[str, Any]  # OpenAI's wire, open by nature


def asking(**fields: object) -> bytes:
    body = {"messages": [{"role": "user", "content": "hi"}], "stream": True, **fields}
    return upstream_body(body, model="claude-opus-4-6")


async def heard(provider: Provider, **fields: object) -> tuple[Json, Ending]:
    """The whole answer and the end that the worker makes of a stream."""
    stream = Stream("chatcmpl-1", "default", wants_usage=True)
    payloads = []
    async with provider.stream(Endpoint.CHAT, asking(**fields), deadline=soon()) as batches:
        async for batch in batches:
            payloads += [out for data in batch if (out := stream.feed(data)) is not None]
    return whole_of(payloads, "chatcmpl-1"), stream.close()


async def answered(provider: Provider, **fields: object) -> tuple[Json, Ending]:
    body = asking(**fields, stream=False)
    payload, ending = whole_answer(
        await provider.complete(Endpoint.CHAT, body, deadline=soon()), "chatcmpl-1", "default"
    )
    return json.loads(payload), ending


both_ways = pytest.mark.parametrize("ask", [heard, answered])
