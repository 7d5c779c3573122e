"""Watches whether a client goes away while it is answered."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from starlette.types import Receive

from api_edge.relay.running import Running


@asynccontextmanager
async def until_gone(running: Running, receive: Receive) -> AsyncIterator[None]:
    """Close the follower when the client goes away."""
    async with when_gone(running.follower.close, receive):
        yield


@asynccontextmanager
async def when_gone(leave: Callable[[], None], receive: Receive) -> AsyncIterator[None]:
    """Call `leave` when the client goes away."""
    watcher = asyncio.get_running_loop().create_task(_watch(leave, receive))
    try:
        yield
    finally:
        watcher.cancel()


async def _watch(leave: Callable[[], None], receive: Receive) -> None:
    message: dict[str, Any] = {"type": "http.request"}
    while message["type"] != "http.disconnect":
        message = dict(await receive())
    leave()
