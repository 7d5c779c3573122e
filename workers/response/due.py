"""Looks at responses whose time has come, whatever nobody told: deadlines, calls that are late, lost words.

Each is looked at by one of all workers; and those whose time of keeping is over are deleted.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from contracts.errors import ApiError
from infra.bus.errors import BusError
from infra.database import Database
from infra.relay.redis import RelayDown
from infra.store.responses import due_responses, forget_responses

PAUSE = 1.0
"""Seconds between two looks."""
LEASE = timedelta(seconds=30)
"""After which another look is due, should this one come to nothing."""
MOST = 50
MOST_FORGOTTEN = 500
FORGET_EVERY = 600
"""Looks between two of what is to be deleted."""

log = logging.getLogger(__name__)

Step = Callable[[str], Awaitable[None]]


class DueResponses:
    """The looks of this worker."""

    def __init__(self, database: Database, step: Step) -> None:
        self._database = database
        self._step = step

    async def keep(self) -> None:
        """Until cancelled."""
        rounds = 0
        while True:
            try:
                await self.look()
                if rounds % FORGET_EVERY == 0:
                    await self.forget()
                rounds += 1
            except ApiError as error:
                log.warning("responses_not_looked_at", extra={"error": str(error)})
            except Exception:  # one response must not end the looks at all others
                log.exception("responses_not_looked_at")
            await asyncio.sleep(PAUSE)

    async def look(self) -> None:
        """Take the next step of all that are due; one that cannot be taken is tried again after the lease.
        Raises ApiError."""
        now = datetime.now(UTC)
        async with self._database.begin() as session:
            rows = await due_responses(session, now, MOST)
            for row in rows:
                row.due_at = now + LEASE
        for row in rows:
            await self._stepped(row.response_id)

    async def _stepped(self, response_id: str) -> None:
        try:
            await self._step(response_id)
        except (ApiError, BusError, RelayDown, ValueError) as error:
            about = {"response_id": response_id, "error": str(error)}
            log.warning("response_not_looked_at", extra=about)

    async def forget(self) -> None:
        """Delete what is kept no longer. Raises ApiError."""
        async with self._database.begin() as session:
            await forget_responses(session, datetime.now(UTC), MOST_FORGOTTEN)


@asynccontextmanager
async def looked_at(due: DueResponses) -> AsyncIterator[None]:
    """Look while the block runs."""
    task = asyncio.create_task(due.keep())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
