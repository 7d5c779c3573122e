"""Rows of keys, as requests meet them: the first one holds the row, the others wait until it is settled."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from api_edge.idempotency.key import compare, in_progress
from contracts.ids import new_ulid
from infra.database import Database
from infra.store.idempotency import IdempotencyRow, Keyed, hold_key, row_of_key, take_over_key

FIRST_PAUSE = 0.05
LONGEST_PAUSE = 0.4
WAIT_SECONDS = 10.0
"""How long a repeated request waits for the first one, before it is told to come back."""

Successor = Callable[[IdempotencyRow], Awaitable[IdempotencyRow | None]]
"""What takes the place of a row that is not settled, once its holder must be dead; None while it may live."""


class Rows:
    """The table of keys, as the edge uses it."""

    def __init__(self, database: Database, ttl: int, wait: float = WAIT_SECONDS) -> None:
        self.database = database
        self._ttl = timedelta(seconds=ttl)
        self._wait = wait

    def fresh(self, keyed: Keyed, job_id: str | None) -> IdempotencyRow:
        """A row for a request that begins now, not stored yet."""
        now = datetime.now(UTC)
        return _row(keyed, job_id, created_at=now, held_at=now, expires_at=now + self._ttl)

    async def hold(self, keyed: Keyed, job_id: str | None, successor: Successor) -> IdempotencyRow:
        """The row of a key: a settled one, or else one that this request holds from now on.

        Raises ApiError: reused for something else, still in progress, or the database is down.
        """
        until = asyncio.get_running_loop().time() + self._wait
        pause = FIRST_PAUSE
        while True:
            wanted = self.fresh(keyed, job_id)
            row = await self._look(keyed) if pause > FIRST_PAUSE else None
            row = row or await self._insert(wanted)
            if row is wanted:
                return wanted
            compare(keyed, row)
            if row.is_settled:
                return row
            next_row = await successor(row)
            if next_row is not None and await self._replace(row, next_row):
                return next_row
            if asyncio.get_running_loop().time() > until:
                raise in_progress()
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _insert(self, wanted: IdempotencyRow) -> IdempotencyRow:
        async with self.database.begin() as session:
            return await hold_key(session, wanted)

    async def _look(self, keyed: Keyed) -> IdempotencyRow | None:
        async with self.database.begin() as session:
            return await row_of_key(session, keyed)

    async def _replace(self, row: IdempotencyRow, next_row: IdempotencyRow) -> bool:
        async with self.database.begin() as session:
            return await take_over_key(session, row, next_row)


def again(row: IdempotencyRow, now: datetime) -> IdempotencyRow:
    """The same row under a new holder."""
    keyed = Keyed(row.tenant, row.user_id, row.key, row.fingerprint)
    return _row(keyed, row.job_id, created_at=row.created_at, held_at=now, expires_at=row.expires_at)


def _row(
    keyed: Keyed, job_id: str | None, *, created_at: datetime, held_at: datetime, expires_at: datetime
) -> IdempotencyRow:
    return IdempotencyRow(
        tenant=keyed.tenant,
        user_id=keyed.user_id,
        key=keyed.key,
        fingerprint=keyed.fingerprint,
        holder=new_ulid(),
        held_at=held_at,
        created_at=created_at,
        expires_at=expires_at,
        job_id=job_id,
    )
