"""Takes batches of events and writes what they add up to, each batch in one transaction, each event once."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Protocol

from pydantic import ValidationError

from contracts.errors import ApiError
from contracts.events import EVENT, Event
from contracts.ids import ulid_at
from contracts.story import Ended
from contracts.topics import EVENTS, Topic
from infra.bus.batches import Batch
from infra.bus.errors import BusError
from infra.bus.record import Record
from infra.database import Database
from infra.store.jobs import (
    change_stories,
    lock_positions,
    move_positions,
    sweep_jobs,
)
from infra.store.usage import add_usage
from workers.ledger.core import Bill, Price, fold, free

PAUSE = 1.0
"""Seconds between tries while PostgreSQL is away."""
NUL, NO_CHARACTER = rb"\u0000", rb"\ufffd"
"""PostgreSQL keeps no NUL in a text; what a provider's error says must not stop the ledger."""
SWEEP_SECONDS = 600.0
SWEEP_MOST = 5_000
"""Rows of one sweep: small transactions, more often."""

log = logging.getLogger(__name__)


Ends = Callable[[Collection[int]], Awaitable[Mapping[int, int]]]
"""Asks the broker where these partitions end now. Raises BusError."""


class LedgerStats(Protocol):
    """What the ledger counts."""

    def folded(self, events: int, seconds: float) -> None: ...
    def unreadable(self) -> None: ...
    def refused(self) -> None: ...


class Limits(Protocol):
    """Who held something for jobs that have ended."""

    def settle(self, ended: Sequence[Ended]) -> None:
        """Let it be settled in the background, once their use is written."""


class NoLimits:
    """Nothing was held."""

    def settle(self, ended: Sequence[Ended]) -> None:
        """Nothing to do."""


class LedgerWriter:
    """Writes the ledger."""

    def __init__(
        self,
        database: Database,
        stats: LedgerStats,
        ends: Ends,
        topic: Topic = EVENTS,
        *,
        price: Price = free,
        limits: Limits | None = None,
    ) -> None:
        self._topic = topic.name
        self._database = database
        self._stats = stats
        self._ends = ends
        self._price = price
        self._limits = limits or NoLimits()

    async def on_batches(self, batches: Sequence[Batch]) -> None:
        """Write batches of different partitions. Waits for as long as PostgreSQL or the broker is away."""
        while True:
            began = time.perf_counter()
            try:
                events = await self.write(batches)
            except (ApiError, BusError) as error:
                log.warning("ledger_waits", extra={"error": str(error)})
                await asyncio.sleep(PAUSE)
            else:
                self._stats.folded(events, time.perf_counter() - began)
                return

    async def write(self, batches: Sequence[Batch]) -> int:
        """Write them once; how many events were new. Raises DatabaseUnavailable and BusError."""
        bill = Bill(self._price)
        async with self._database.begin() as session:
            positions = await lock_positions(session, self._topic, [batch.partition for batch in batches])
            positions |= dict.fromkeys(await self._begun_anew(batches, positions), 0)
            records = [record for batch in batches for record in _take(batch, positions)]
            events = events_of(records, self._stats)
            refused = await change_stories(session, jobs_of(events), partial(fold, events=events, bill=bill))
            await add_usage(session, bill.charges)
            await move_positions(session, self._topic, positions)
        tell_refused(refused, self._stats)
        self._limits.settle(bill.ended)
        return len(events)

    async def _begun_anew(self, batches: Sequence[Batch], positions: Mapping[int, int]) -> list[int]:
        """Partitions that end below their position: made anew, as an in-memory broker does at its start.

        Records below a position usually were brought by another member, so the broker is asked only then, and
        now, since what a paused member knows of an end is old.
        """
        below = [batch.partition for batch in batches if batch.records[0].offset < positions[batch.partition]]
        ends = await self._ends(below) if below else {}
        anew = [partition for partition, end in ends.items() if end < positions[partition]]
        if anew:
            log.warning("events_begun_anew", extra={"partitions": anew})
        return anew


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


def unseen(batch: Batch, position: int) -> list[Record]:
    """The records that are not folded yet, each once."""
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
