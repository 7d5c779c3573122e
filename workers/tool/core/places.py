"""How many calls of one tenant run at once: who has many waits for its own, not for others'."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Places:
    """Places by tenant; one that nobody wants is forgotten."""

    def __init__(self, each: int) -> None:
        self._each = each
        self._places: dict[str, asyncio.Semaphore] = {}
        self._wanted: Counter[str] = Counter()

    @asynccontextmanager
    async def of(self, tenant: str) -> AsyncIterator[None]:
        """A place, until the block ends."""
        places = self._places.setdefault(tenant, asyncio.Semaphore(self._each))
        self._wanted[tenant] += 1
        try:
            async with places:
                yield
        finally:
            self._wanted[tenant] -= 1
            if not self._wanted[tenant]:
                del self._wanted[tenant], self._places[tenant]
