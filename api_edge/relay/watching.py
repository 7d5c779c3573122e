"""Watches whether a client goes away while it is answered."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from starlette.types import Receive

from api_edge.relay.running import Running


@asynccontextmanager
async def until_gone(running: Running, receive: Receive) -> AsyncIterator[None]:
    """Close the follower when the client goes away."""
    watcher = asyncio.get_running_loop().create_task(_watch(running, receive))
    try:
        yield
    finally:
        watcher.cancel()


async def _watch(running: Running, receive: Receive) -> None:
    message: dict[str, Any] = {"type": "http.request"}
    while message["type"] != "http.disconnect":
        message = dict(await receive())
    running.follower.close()
