"""Events that PostgreSQL would refuse, and batches that come late: nothing stops it or counts twice."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

import pytest

from contracts.errors import ErrorDetail, ErrorType
from contracts.events import Claimed, Event, Failed, Finished, Usage
from contracts.ids import new_ulid
from contracts.topics import EVENTS
from infra.bus.batches import Batch
from infra.bus.record import Record
from infra.database import Database, open_database
from infra.migrations.upgrade import upgrade
from infra.settings import DatabaseSettings
from infra.store.jobs import job_of, positions_of
from tests.infra.store.scratch import scratch_database
from workers.ledger.handler import LedgerWriter

pytestmark = pytest.mark.stack

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
async def store(database: DatabaseSettings) -> AsyncIterator[Database]:
    async with scratch_database(database) as settings:
        await upgrade(settings)
        async with open_database(settings) as opened:
            yield opened


class Stats:
    """Counts what it is told."""

    def __init__(self) -> None:
        self.events = self.bad = self.lost = 0

    def folded(self, events: int, seconds: float) -> None:
        self.events += events

    def unreadable(self) -> None:
        self.bad += 1

    def refused(self) -> None:
        self.lost += 1


def batch(events: Sequence[Event | bytes], first: int = 0, *, end: int | None = None) -> Batch:
    records = [
        Record(
            EVENTS.name,
            0,
            first + number,
            None,
            event if isinstance(event, bytes) else event.model_dump_json().encode(),
        )
        for number, event in enumerate(events)
    ]
    return Batch(0, records, end or first + len(records))


def finished(job_id: str, **about: object) -> Finished:
    return Finished.model_validate({"job_id": job_id, "tenant": "t1", "at": NOON, "attempt": 1, **about})


def failed(job_id: str, message: str) -> Failed:
    error = ErrorDetail(type=ErrorType.INTERNAL, code="x", message=message, status=500)
    return Failed(job_id=job_id, tenant="t1", at=NOON, attempt=1, error=error)


def claimed(job_id: str, attempt: int, worker: str = "w") -> Claimed:
    return Claimed(job_id=job_id, tenant="t1", at=NOON, attempt=attempt, worker=worker, asked_at=NOON)


HOSTILE: list[Event | bytes] = [
    failed("01ARYZ6S41TSV4RRFFQ69G5FAA", "a NUL \0 in a message"),
    finished("01ARYZ6S41TSV4RRFFQ69G5FAB", finish_reason="stop\0"),
    finished("01ARYZ6S41TSV4RRFFQ69G5FAC", finish_reason="x" * 10_000),
    finished("01ARYZ6S41TSV4RRFFQ69G5FAD", usage=Usage(output_tokens=2**80)),
    claimed("01ARYZ6S41TSV4RRFFQ69G5FAE", 2**40),
    claimed("01ARYZ6S41TSV4RRFFQ69G5FAF", 1, worker="w" * 10_000),
    finished("no ULID " * 100),
    b"not json",
    b'{"type":"melted","job_id":"x"}',
    b'{"type":"finished","job_id":"\\u0000","tenant":"t","at":"2026-11-22T12:00:00Z","attempt":1}',
]


@pytest.mark.parametrize("hostile", HOSTILE)
async def test_an_event_that_cannot_be_stored_stops_no_other(store: Database, hostile: Event | bytes) -> None:
    before, after = new_ulid(), new_ulid()
    stats = Stats()
    writer = LedgerWriter(store, stats)

    await writer.on_batches([batch([finished(before), hostile, finished(after)])])

    async with store.begin() as session:
        assert await job_of(session, before) is not None
        assert await job_of(session, after) is not None
        assert await positions_of(session, EVENTS.name) == {0: 3}


async def test_a_batch_that_comes_late_moves_no_position_back(store: Database) -> None:
    job_id = new_ulid()
    writer = LedgerWriter(store, Stats())
    whole: list[Event | bytes] = [claimed(job_id, 1), claimed(job_id, 2), finished(job_id)]
    await writer.on_batches([batch(whole)])

    await writer.on_batches([batch(whole[:1], end=3)])

    async with store.begin() as session:
        assert await positions_of(session, EVENTS.name) == {0: 3}
        stored = await job_of(session, job_id)
    assert stored is not None
    assert [entry.type for entry in stored.view.timeline] == ["claimed", "claimed", "finished"]


async def test_records_that_come_twice_in_one_batch_count_once(store: Database) -> None:
    job_id, stats = new_ulid(), Stats()
    once = batch([claimed(job_id, 1), claimed(job_id, 2)])

    await LedgerWriter(store, stats).on_batches([Batch(0, [*once.records, *once.records], None)])

    assert stats.events == 2


async def test_an_end_of_a_partition_that_nobody_knows_begins_nothing_anew(store: Database) -> None:
    job_id, stats = new_ulid(), Stats()
    whole = batch([claimed(job_id, 1), claimed(job_id, 2)])
    writer = LedgerWriter(store, stats)
    await writer.on_batches([whole])

    await writer.on_batches([Batch(0, whole.records[:1], None)])

    assert stats.events == 2


async def test_what_a_provider_said_too_long_or_with_a_nul_still_ends_its_job(store: Database) -> None:
    stats = Stats()

    await LedgerWriter(store, stats).on_batches([batch(HOSTILE[:4])])

    async with store.begin() as session:
        stored = [
            await job_of(session, event.job_id) for event in HOSTILE[:4] if not isinstance(event, bytes)
        ]
    assert all(one is not None and one.view.ended_at == NOON for one in stored)
    assert (stats.bad, stats.lost) == (0, 0)


async def test_rows_that_do_not_fit_are_the_only_ones_lost(store: Database) -> None:
    stats = Stats()
    jobs = [new_ulid() for _ in range(30)]
    events: list[Event] = [claimed(job_id, 1) for job_id in jobs]
    events[7:7] = events[20:20] = [claimed(f"{number:050}", 1) for number in range(3)]

    await LedgerWriter(store, stats).on_batches([batch(events)])

    async with store.begin() as session:
        assert all([await job_of(session, job_id) is not None for job_id in jobs])
    assert stats.lost == 3
