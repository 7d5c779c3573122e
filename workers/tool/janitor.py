"""Forgets the records of old calls, and ends those whose job came to no end that could be told."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta

from contracts.errors import ApiError
from infra.database import Database
from infra.settings import ToolSettings
from infra.store.tool_calls import forget_calls, give_up_calls

PAUSE = 300.0
"""Seconds between two looks."""
BATCH = 1_000
"""Rows of one transaction."""
LOST_AFTER = timedelta(hours=24)
"""Age at which a call that seems to run does not: its job had a deadline."""

log = logging.getLogger(__name__)


class Janitor:
    """Keeps the table of calls small and truthful."""

    def __init__(self, database: Database, settings: ToolSettings) -> None:
        self._database = database
        self._kept = timedelta(seconds=settings.keep_calls)

    async def clean(self, now: datetime) -> int:
        """One look; how many records were forgotten. Raises ApiError while the database is away."""
        async with self._database.begin() as session:
            await give_up_calls(session, now - LOST_AFTER, now)
        forgotten = 0
        while True:
            async with self._database.begin() as session:
                count = await forget_calls(session, now - self._kept, BATCH)
            forgotten += count
            if count < BATCH:
                return forgotten


@asynccontextmanager
async def cleaned(janitor: Janitor) -> AsyncIterator[None]:
    """It looks now and then, until the block ends."""
    task = asyncio.create_task(_clean(janitor))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _clean(janitor: Janitor) -> None:
    while True:
        try:
            await janitor.clean(datetime.now(UTC))
        except ApiError as error:
            log.warning("calls_not_cleaned", extra={"error": str(error)})
        await asyncio.sleep(PAUSE)
