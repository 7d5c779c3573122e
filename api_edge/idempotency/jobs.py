"""Keys of requests that become jobs: the same key and body again is the same job.

    hold ─▶ a row of our own: produce the job, then `accept` it, or `drop` it when nothing was sent
       └──▶ a settled row: follow its job from the first frame

The row is committed before the job is produced, so an edge that dies in between leaves a row that nobody
accepted. Whoever asks again a moment later produces that job once more under its own id: if the first record
did arrive, the claim lets one of the two do nothing.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from api_edge.idempotency.rows import Rows, again
from contracts.errors import ApiError
from contracts.ids import new_ulid
from infra.database import Database
from infra.settings import EdgeSettings
from infra.store.idempotency import IdempotencyRow, Keyed, accept_key, release_key, sweep_keys
from infra.store.jobs import job_of
from infra.store.results import result_of

ACCEPT_SECONDS = 2.0
"""How long a row may wait to be accepted before its edge is taken for dead."""
SWEPT = 50
"""Most expired keys that are deleted at a time; each accepted key is followed by one such time."""
BACKLOG = 1_000
"""Most rows that wait to be marked as accepted; one that stays as it is costs a second record."""
CLOSE_SECONDS = 5.0

log = logging.getLogger(__name__)


class JobKeys:
    """Which jobs the keys of callers stand for."""

    def __init__(self, database: Database, settings: EdgeSettings) -> None:
        self._rows = Rows(database, settings.idempotency_ttl)
        self._lifetime = timedelta(seconds=settings.job_timeout)
        self._accepted: asyncio.Queue[IdempotencyRow | None] = asyncio.Queue(BACKLOG)

    async def hold(self, keyed: Keyed, job_id: str) -> IdempotencyRow:
        """The row of a key. A settled one names the job to follow; else produce the row's job, and accept it.

        A row with another job id than the given one is a repetition. Raises ApiError: reused for something
        else, still in progress, or the database is down; nothing is held then.
        """
        return await self._rows.hold(keyed, job_id, self._successor)

    async def drop(self, row: IdempotencyRow) -> None:
        """The job was surely not produced: let the key be used again, unless others tried before."""
        if row.held_at != row.created_at:
            return
        try:
            async with self._rows.database.begin() as session:
                await release_key(session, row)
        except ApiError as error:
            log.warning("key_not_released", extra={"job_id": row.job_id, "error": str(error)})

    def accept(self, row: IdempotencyRow) -> None:
        """The job is durable. Noted in the background: a row that stays without it costs a second record."""
        if not self._accepted.full():
            self._accepted.put_nowait(row)

    async def note(self) -> None:
        """Until closed: mark rows as accepted, and sweep those that have expired."""
        while (row := await self._accepted.get()) is not None:
            try:
                await self._note(row)
            except ApiError as error:
                log.warning("key_not_accepted", extra={"job_id": row.job_id, "error": str(error)})

    async def close(self) -> None:
        """Let `note` end when it has marked what waits."""
        await self._accepted.put(None)

    async def _note(self, row: IdempotencyRow) -> None:
        now = datetime.now(UTC)
        async with self._rows.database.begin() as session:
            await accept_key(session, row, now)
        if self._accepted.empty():
            async with self._rows.database.begin() as session:
                await sweep_keys(session, now, SWEPT)

    async def _successor(self, row: IdempotencyRow) -> IdempotencyRow | None:
        """The same job once more; a new one when that is too late, and nothing is known of the first."""
        now = datetime.now(UTC)
        if now - row.held_at < timedelta(seconds=ACCEPT_SECONDS):
            return None
        if now - row.created_at < self._lifetime:
            return again(row, now)
        if await self._has_run(row):
            await self._note(row)
            return None
        keyed = Keyed(row.tenant, row.user_id, row.key, row.fingerprint)
        return self._rows.fresh(keyed, new_ulid())

    async def _has_run(self, row: IdempotencyRow) -> bool:
        if row.job_id is None:
            return False
        async with self._rows.database.begin() as session:
            if await job_of(session, row.job_id) is not None:
                return True
            return await result_of(session, row.job_id, row.tenant) is not None


@asynccontextmanager
async def open_job_keys(database: Database, settings: EdgeSettings) -> AsyncIterator[JobKeys]:
    """Keys that are noted for as long as they are open."""
    keys = JobKeys(database, settings)
    async with asyncio.TaskGroup() as tasks:
        noting = tasks.create_task(keys.note())
        try:
            yield keys
        finally:
            try:
                async with asyncio.timeout(CLOSE_SECONDS):
                    await keys.close()
                    await asyncio.wait([noting])
            except TimeoutError:
                noting.cancel()
