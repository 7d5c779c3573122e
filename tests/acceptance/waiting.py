"""Waiting for a condition, with a limit."""

import asyncio
from collections.abc import Awaitable, Callable

LIMIT = 20.0
"""Seconds that a test waits for one thing: far more than it takes, on a busy machine too."""
POLL = 0.05


async def until(holds: Callable[[], Awaitable[bool]], limit: float = LIMIT) -> None:
    """Return when it holds. Raises TimeoutError."""
    async with asyncio.timeout(limit):
        while not await holds():
            await asyncio.sleep(POLL)
