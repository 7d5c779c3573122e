"""Takes batches of events and writes what they add up to, each batch in one transaction, each event once."""

import asyncio
import logging
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

from pydantic import ValidationError

from contracts.errors import ApiError
from contracts.events import EVENT, Event
from contracts.ids import ulid_at
from contracts.topics import EVENTS
from infra.bus.batches import Batch
from infra.bus.record import Record
from infra.database import Database
from infra.store.jobs import (
    JobsTable,
    lock_positions,
    move_positions,
    save_stories,
    stories_of,
    sweep_jobs,
)
from workers.ledger.core import fold

PAUSE = 1.0
"""Seconds between tries while PostgreSQL is away."""
SWEEP_SECONDS = 600.0
SWEEP_MOST = 5_000
"""Rows of one sweep: small transactions, more often."""

log = logging.getLogger(__name__)


class LedgerStats(Protocol):
    """What the ledger counts."""

    def folded(self, events: int, seconds: float) -> None: ...
    def unreadable(self) -> None: ...


class LedgerWriter:
    """Writes the ledger."""

    def __init__(self, database: Database, stats: LedgerStats, table: JobsTable = "jobs") -> None:
        self._database = database
        self._stats = stats
        self._table = table

    async def on_batches(self, batches: Sequence[Batch]) -> None:
        """Write batches of different partitions. Waits for as long as PostgreSQL is away."""
        while True:
            began = time.perf_counter()
            try:
                events = await self.write(batches)
            except ApiError as error:
                log.warning("ledger_waits", extra={"error": str(error)})
                await asyncio.sleep(PAUSE)
            else:
                self._stats.folded(events, time.perf_counter() - began)
                return

    async def write(self, batches: Sequence[Batch]) -> int:
        """Write them once; how many events were new. Raises DatabaseUnavailable."""
        async with self._database.begin() as session:
            known = await lock_positions(session, EVENTS.name, [batch.partition for batch in batches])
            records = [record for batch in batches for record in unseen(batch, known[batch.partition])]
            events = [event for record in records if (event := self._read(record)) is not None]
            stories = await stories_of(session, sorted({event.job_id for event in events}), self._table)
            changed = fold(stories, events)
            await save_stories(session, [stories[job_id] for job_id in sorted(changed)], self._table)
            await move_positions(
                session, EVENTS.name, {batch.partition: batch.records[-1].offset + 1 for batch in batches}
            )
        return len(events)

    def _read(self, record: Record) -> Event | None:
        """An event, or None for what is none: told, counted, and left where it lies."""
        try:
            return EVENT.validate_json(record.value)
        except ValidationError as error:
            self._stats.unreadable()
            where = f"{record.topic}/{record.partition}/{record.offset}"
            log.warning("event_unreadable", extra={"origin": where, "error": error.errors()[0]["msg"]})
            return None


def unseen(batch: Batch, position: int) -> Sequence[Record]:
    """The records that are not folded yet.

    A partition that ends below the position was made anew, as an in-memory broker does at its start: all of
    it is unseen.
    """
    if batch.end < position:
        log.warning("events_begun_anew", extra={"partition": batch.partition, "position": position})
        return batch.records
    return [record for record in batch.records if record.offset >= position]


async def keep_swept(database: Database, kept_for: timedelta) -> None:
    """Until cancelled: delete the rows of jobs that are older."""
    while True:
        try:
            async with database.begin() as session:
                swept = await sweep_jobs(session, ulid_at(datetime.now(UTC) - kept_for), SWEEP_MOST)
        except ApiError as error:
            log.warning("ledger_not_swept", extra={"error": str(error)})
            swept = 0
        await asyncio.sleep(PAUSE if swept == SWEEP_MOST else SWEEP_SECONDS)
