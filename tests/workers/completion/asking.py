"""Asking a provider, both ways."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from contracts.errors import ApiError
from contracts.jobs import Endpoint
from workers.completion.core import Stream, upstream_body, whole_answer
from workers.completion.provider import HttpProvider

BODY = upstream_body({"messages": []}, model="m")
STREAM_BODY = upstream_body({"messages": [], "stream": True}, model="m")
SOON = 0.2
"""A limit that is meant to pass, in seconds; long enough to connect on a busy machine."""

Asking = Callable[[HttpProvider], Awaitable[object]]


def soon() -> float:
    """A deadline that no good test reaches."""
    return asyncio.get_running_loop().time() + 20.0


async def ask_whole(provider: HttpProvider) -> object:
    return whole_answer(
        await provider.complete(Endpoint.CHAT, BODY, deadline=soon()), "chatcmpl-1", "default"
    )


async def ask_stream(provider: HttpProvider) -> object:
    async with provider.stream(Endpoint.CHAT, STREAM_BODY, deadline=soon()) as batches:
        return [batch async for batch in batches]


async def ask_folded(provider: HttpProvider) -> object:
    stream = Stream("chatcmpl-1", "default", wants_usage=False)
    async with provider.stream(Endpoint.CHAT, STREAM_BODY, deadline=soon()) as batches:
        return [stream.feed(payload) async for batch in batches for payload in batch]


async def failure(provider: HttpProvider, asking: Asking = ask_whole) -> ApiError:
    with pytest.raises(ApiError) as caught:
        await asking(provider)
    return caught.value


both_ways = pytest.mark.parametrize("asking", [ask_whole, ask_stream])
