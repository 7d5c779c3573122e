"""Watches a client while it is answered: whether it goes away, and whether it takes what it is sent."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any

from starlette.types import Receive

from api_edge.relay.running import Running


class Client:
    """One client, for as long as one answer takes.

    One that takes nothing for `patience` seconds is given up: a heartbeat would have moved its place.
    No timer is set for a send; one looks again when the last thing that was taken is that old.
    """

    def __init__(self, running: Running, patience: float) -> None:
        self._running = running
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self._is_stuck = False
        self._timer = self._loop.call_later(patience, self._look)

    async def watch(self, receive: Receive) -> None:
        """Until cancelled: close the follower when the client goes away."""
        message: dict[str, Any] = {"type": "http.request"}
        while message["type"] != "http.disconnect":
            message = dict(await receive())
        self._running.follower.close()

    async def has_stayed(self, answering: Awaitable[bool]) -> bool:
        """Whether the client stayed for its answer, which is ended when it is given up."""
        try:
            return await answering
        except asyncio.CancelledError:
            if not self._is_stuck or self._task is None or self._task.uncancel() > 0:
                raise
            return False

    def close(self) -> None:
        """The answer is over."""
        self._timer.cancel()

    def _look(self) -> None:
        idle = self._loop.time() - self._running.follower.last_given
        if idle < self._patience:
            self._timer = self._loop.call_later(self._patience - idle, self._look)
        elif self._task is not None:
            self._is_stuck = True
            self._task.cancel()


@asynccontextmanager
async def watched(running: Running, receive: Receive, patience: float) -> AsyncIterator[Client]:
    """Watch a client until the block ends."""
    client = Client(running, patience)
    watching = asyncio.get_running_loop().create_task(client.watch(receive))
    try:
        yield client
    finally:
        watching.cancel()
        client.close()
