"""Listening to a provider's stream as the worker does."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from contracts.errors import ApiError
from contracts.events import Ending
from contracts.jobs import Endpoint
from workers.completion.core import Stream, upstream_body
from workers.completion.provider import HttpProvider

BODY = upstream_body({"stream": True, "messages": []}, model="m")
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SOON = 0.2
"""A limit that is meant to pass, in seconds; long enough to connect on a busy machine."""


def soon() -> float:
    """A deadline that no good test reaches."""
    return asyncio.get_running_loop().time() + 20.0


async def heard(provider: HttpProvider, *, deadline: float | None = None) -> list[bytes]:
    async with provider.stream(Endpoint.CHAT, BODY, deadline=deadline or soon()) as batches:
        return [payload async for batch in batches for payload in batch]


async def failure(provider: HttpProvider, *, deadline: float | None = None) -> ApiError:
    """The error of a stream that is folded as the worker does."""
    with pytest.raises(ApiError) as caught:
        await folded(provider, deadline=deadline)
    return caught.value


async def folded(
    provider: HttpProvider, *, choices: int = 1, deadline: float | None = None
) -> tuple[str, Ending]:
    """The text of the first choice, and what the stream came to."""
    stream = Stream("chatcmpl-1", "default", wants_usage=False, choices=choices)
    text = ""
    async with provider.stream(Endpoint.CHAT, BODY, deadline=deadline or soon()) as batches:
        async for batch in batches:
            for payload in batch:
                text += text_of(stream.feed(payload))
    return text, stream.close()


def text_of(chunk: bytes | None) -> str:
    choices = json.loads(chunk)["choices"] if chunk else []
    return "".join(choice["delta"].get("content") or "" for choice in choices if choice["index"] == 0)


async def next_of(batches: AsyncIterator[list[bytes]], count: int) -> int:
    """Read until so many payloads have come; how many it were."""
    got = 0
    while got < count:
        got += len(await anext(batches))
    return got
