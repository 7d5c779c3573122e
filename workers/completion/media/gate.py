"""How many bytes of media calls hold in memory together."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class ByteGate:
    """Lets so many bytes in at once, in the order in which they come; who holds alone may hold more."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held = 0
        self._first = asyncio.Lock()
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def held(self, size: int) -> AsyncIterator[None]:
        """Hold so many bytes until the block ends; wait while others hold too many."""
        async with self._first, self._changed:  # who wants much is not overtaken for ever
            await self._changed.wait_for(lambda: not self._held or self._held + size <= self._most)
            self._held += size
        try:
            yield
        finally:
            self._held -= size
            await asyncio.shield(self._tell())

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()
