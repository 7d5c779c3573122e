"""Takes batches of events and writes what they add up to, each batch in one transaction, each event once."""

import asyncio
import logging
import time
from collections.abc import Iterable, Sequence
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
    change_stories,
    lock_positions,
    move_positions,
    sweep_jobs,
)
from workers.ledger.core import fold

PAUSE = 1.0
"""Seconds between tries while PostgreSQL is away."""
NUL, NO_CHARACTER = rb"\u0000", rb"\ufffd"
"""PostgreSQL keeps no NUL in a text; what a provider's error says must not stop the ledger."""
SWEEP_SECONDS = 600.0
SWEEP_MOST = 5_000
"""Rows of one sweep: small transactions, more often."""

log = logging.getLogger(__name__)


class LedgerStats(Protocol):
    """What the ledger counts."""

    def folded(self, events: int, seconds: float) -> None: ...
    def unreadable(self) -> None: ...
    def refused(self) -> None: ...


class LedgerWriter:
    """Writes the ledger."""

    def __init__(self, database: Database, stats: LedgerStats) -> None:
        self._database = database
        self._stats = stats

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
            positions = await lock_positions(session, EVENTS.name, [batch.partition for batch in batches])
            records = [record for batch in batches for record in _take(batch, positions)]
            events = events_of(records, self._stats)
            refused = await change_stories(session, jobs_of(events), lambda known: fold(known, events))
            await move_positions(session, EVENTS.name, positions)
        tell_refused(refused, self._stats)
        return len(events)


def events_of(records: Iterable[Record], stats: LedgerStats) -> list[Event]:
    """The events; a record that is none is told, counted, and left where it lies."""
    events = []
    for record in records:
        try:
            events.append(EVENT.validate_json(record.value.replace(NUL, NO_CHARACTER)))
        except ValidationError as error:
            stats.unreadable()
            where = f"{record.topic}/{record.partition}/{record.offset}"
            log.warning("event_unreadable", extra={"origin": where, "error": error.errors()[0]["msg"]})
    return events


def jobs_of(events: Iterable[Event]) -> list[str]:
    """Whom the events are about, each once and in order, so that two writers never wait for each other."""
    return sorted({event.job_id for event in events})


def tell_refused(job_ids: Iterable[str], stats: LedgerStats) -> None:
    """These rows did not fit their columns: what their events said is lost to the ledger, and they alone."""
    for job_id in job_ids:
        stats.refused()
        log.error("job_refused", extra={"job_id": job_id})


def unseen(batch: Batch, position: int) -> Sequence[Record]:
    """The records that are not folded yet, each once.

    A partition that ends below the position was made anew, as an in-memory broker does at its start: all of
    it is unseen.
    """
    if batch.end is not None and batch.end < position:
        log.warning("events_begun_anew", extra={"partition": batch.partition, "position": position})
        position = 0
    found = []
    for record in batch.records:
        if record.offset >= position:
            found.append(record)
            position = record.offset + 1
    return found


def _take(batch: Batch, positions: dict[int, int]) -> Sequence[Record]:
    """The unseen records, behind which their partition's position then stands."""
    found = unseen(batch, positions[batch.partition])
    if found:
        positions[batch.partition] = found[-1].offset + 1
    return found


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
