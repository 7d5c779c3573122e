"""Folds all events that there are once more, beside the ledger, then puts these rows in the place of its own.

Run it as `python -m workers.ledger.rebuild`; `jan ledger rebuild` does. Ledger workers go on meanwhile. At
the end the positions are locked, so that they wait; what came last is folded here, the rows are exchanged,
and the positions move to where this reading stands, all in one transaction. Jobs that are older than the
topic's beginning keep their rows.
"""

import sys
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial

from contracts.errors import ApiError
from contracts.topics import EVENTS, Topic
from infra.bus.errors import BusError
from infra.bus.record import Record
from infra.bus.tail import read_topic
from infra.database import Database, open_database
from infra.limits.prices import Prices
from infra.process import run_process
from infra.settings import KafkaSettings, Settings, read_settings
from infra.store.jobs import (
    begin_rebuild,
    change_stories,
    end_rebuild,
    lock_positions,
    lock_rebuild,
    move_positions,
    positions_of,
)
from workers.ledger.core import Bill, Price, fold, free
from workers.ledger.handler import events_of, jobs_of, tell_refused

PATIENCE = 6 * 3_600.0
"""Seconds for the whole, and for any statement of it."""
CHUNK = 5_000
"""Records of one transaction."""
CLOSE_BEHIND = 2_000
"""Records of one reading up to the end, below which the rest is read while the ledger's workers wait."""
MOST_READINGS = 10

Progress = Callable[["Rebuilt"], None]


class RebuildRunning(Exception):
    """Somebody rebuilds already."""


@dataclass
class Rebuilt:
    """What a rebuild has done; it counts as the ledger does."""

    records: int = 0
    events: int = 0
    bad: int = 0
    lost: int = 0
    differed: int = 0
    """Rows that were not as the events tell."""

    def folded(self, events: int, _seconds: float) -> None:
        """Events were added to their jobs."""
        self.events += events

    def unreadable(self) -> None:
        """A record was no event."""
        self.bad += 1

    def refused(self) -> None:
        """A job's row did not fit."""
        self.lost += 1


class Rebuild:
    """One rebuild."""

    def __init__(
        self,
        database: Database,
        kafka: KafkaSettings,
        progress: Progress,
        topic: Topic = EVENTS,
        *,
        price: Price = free,
    ) -> None:
        self._database = database
        self._kafka = kafka
        self._progress = progress
        self._topic = topic
        self._price = price
        self._done = Rebuilt()
        self._positions: dict[int, int] = {}

    async def run(self) -> Rebuilt:
        """Rebuild. Raises RebuildRunning, BusError and DatabaseUnavailable; the ledger then is as it was."""
        async with self._database.begin() as session:
            if not await lock_rebuild(session):
                raise RebuildRunning
            async with self._database.begin() as other:
                await begin_rebuild(other)
            await self._come_close()
            await self._exchange()
        return self._done

    async def _come_close(self) -> None:
        for _ in range(MOST_READINGS):
            before = self._done.records
            await self._read_to_end()
            if self._done.records - before < CLOSE_BEHIND:
                return

    async def _exchange(self) -> None:
        async with self._database.begin() as session:
            known = await positions_of(session, self._topic.name)
            await lock_positions(session, self._topic.name, known.keys() | self._positions.keys())
            await self._read_to_end()
            self._done.differed = await end_rebuild(session)
            await move_positions(session, self._topic.name, self._positions)

    async def _read_to_end(self) -> None:
        """Fold what lies between here and the end as it is now."""
        chunk: list[Record] = []
        async with aclosing(read_topic(self._kafka, self._topic, start=dict(self._positions))) as records:
            async for record in records:
                chunk.append(record)
                if len(chunk) == CHUNK:
                    await self._fold(chunk)
                    chunk = []
        await self._fold(chunk)

    async def _fold(self, records: list[Record]) -> None:
        if not records:
            return
        events = events_of(records, self._done)
        async with self._database.begin() as session:
            change = partial(fold, events=events, bill=Bill(self._price))
            refused = await change_stories(session, jobs_of(events), change, "jobs_rebuilt")
        tell_refused(refused, self._done)
        self._positions |= {record.partition: record.offset + 1 for record in records}
        self._done.records += len(records)
        self._done.folded(len(events), 0)
        self._progress(self._done)


async def work(settings: Settings) -> None:
    """Rebuild and tell of it; ends the process with what went wrong, if anything did."""
    if settings.kafka.flavor == "tansu":
        sys.exit("The fallback broker does not tell where its topics end, so nothing is rebuilt from it.")
    price = Prices(settings.limits.prices).cost
    patient = settings.database.model_copy(update={"timeout": PATIENCE})
    try:
        async with open_database(patient) as database:
            done = await Rebuild(database, settings.kafka, _tell, price=price).run()
    except RebuildRunning:
        sys.exit("The ledger is being rebuilt already.")
    except (ApiError, BusError) as error:
        sys.exit(f"{error}. The ledger is as it was.")
    _say(
        f"{done.events:,} events folded, {done.differed:,} jobs differed from the ledger and were put right."
    )
    if done.bad or done.lost:
        _say(f"{done.bad:,} records are no events; {done.lost:,} jobs do not fit the table. See the log.")


def _tell(done: Rebuilt) -> None:
    _say(f"{done.records:,} records read ...")


def _say(words: str) -> None:
    sys.stdout.write(words + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    run_process(work(read_settings("workers.ledger")))
