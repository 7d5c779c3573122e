"""Does what is due until nothing is, then waits until the next is due, or somebody says that something is.

What is due stands in the database, which all workers share; one bad round is logged and ends no other.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

from contracts.errors import ApiError

PAUSE = 1.0
"""Seconds between two tries after one that failed, as while PostgreSQL is away."""
LONGEST_WAIT = 30.0
"""Seconds after which it is looked again, whatever is due."""
SHORTEST_WAIT = 0.1
"""Seconds: what is due now may be another worker's, and is looked at in peace."""

log = logging.getLogger(__name__)


class Rounds:
    """The rounds of one kind of work, as this worker makes them."""

    def __init__(
        self,
        failure: str,
        do_next: Callable[[], Awaitable[bool]],
        next_due: Callable[[], Awaitable[datetime | None]],
        *,
        at_once: int = 1,
        longest_wait: float = LONGEST_WAIT,
    ) -> None:
        """`failure` names a round that failed, in the log. `do_next` does one thing that is due, and tells
        whether there was one; `next_due` tells when there will be. Both may raise ApiError. So many as
        `at_once` are done side by side: one that hangs holds up no other."""
        self._failure = failure
        self._do_next = do_next
        self._next_due = next_due
        self._at_once = at_once
        self._longest_wait = longest_wait
        self._changed = asyncio.Event()

    def wake(self) -> None:
        """Something may be due."""
        self._changed.set()

    async def keep(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as walkers:
            for _ in range(self._at_once):
                walkers.create_task(self._walk())

    async def _walk(self) -> None:
        while True:
            self._changed.clear()
            wait = await self._round()
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._changed.wait()

    async def _round(self) -> float:
        """Do all that is due; seconds until the next round."""
        try:
            while await self._do_next():
                pass
            return self._until(await self._next_due())
        except ApiError as error:
            log.warning(self._failure, extra={"error": str(error)})
        except Exception:  # one bad thing must not end the rounds for all others
            log.exception(self._failure)
        return PAUSE

    def _until(self, due: datetime | None) -> float:
        if due is None:
            return self._longest_wait
        left = (due - datetime.now(UTC)).total_seconds()
        return min(max(left, SHORTEST_WAIT), self._longest_wait)


@asynccontextmanager
async def kept_up(keep: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Rounds, or whatever else is kept up, for as long as the block runs."""
    keeping = asyncio.ensure_future(keep())
    try:
        yield
    finally:
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping
