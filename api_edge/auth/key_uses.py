"""Notes when API keys were used last: in the background, at most once a minute for each key."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

from contracts.errors import ApiError
from infra.database import Database
from infra.identity.known import MAX_KNOWN
from infra.store.api_keys import note_uses

NOTE_SECONDS = 60.0
WRITE_PAUSE = 0.5
"""Seconds between two writings, in which uses of other keys come together."""
LAST_WRITING = 2.0
"""Seconds that the last writing may take, when the process ends."""

log = logging.getLogger(__name__)


class KeyUses:
    """What is to be noted. Opened by `open_key_uses`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._noted: dict[str, float] = {}
        self._fresh: set[str] = set()
        self._wake = asyncio.Event()

    def note(self, key_id: str, now: float) -> None:
        """The key is being used, at this moment in Unix seconds. Costs no query, and waits for nothing."""
        if now - self._noted.get(key_id, float("-inf")) < NOTE_SECONDS:
            return
        self._noted.pop(key_id, None)
        if len(self._noted) >= MAX_KNOWN:
            del self._noted[next(iter(self._noted))]
        self._noted[key_id] = now
        self._fresh.add(key_id)
        self._wake.set()

    async def write(self) -> None:
        """Store what is new. What the database does not take is not noted: the next minute brings another."""
        fresh, self._fresh = sorted(self._fresh), set()
        self._wake.clear()
        if not fresh:
            return
        try:
            async with self._database.begin() as session:
                await note_uses(session, fresh, datetime.now(UTC))
        except ApiError as error:
            log.warning("key_uses_not_noted", extra={"keys": len(fresh), "reason": str(error)})

    async def keep_writing(self) -> None:
        """Store what comes, until cancelled."""
        while True:
            await self._wake.wait()
            await self.write()
            await asyncio.sleep(WRITE_PAUSE)


@asynccontextmanager
async def open_key_uses(database: Database) -> AsyncIterator[KeyUses]:
    """Uses are noted while the block runs, and once more when it ends."""
    uses = KeyUses(database)
    task = asyncio.create_task(uses.keep_writing())
    try:
        yield uses
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_WRITING):
                await uses.write()
