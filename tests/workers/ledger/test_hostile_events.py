"""Events that PostgreSQL would refuse, or that are none: nothing stops the ledger."""

import pytest

from contracts.errors import ErrorDetail, ErrorType
from contracts.events import Event, Failed, Usage
from contracts.ids import new_ulid
from contracts.topics import EVENTS
from infra.database import Database
from infra.store.jobs import job_of, positions_of
from tests.workers.ledger.telling import NOON, Broker, Counts, batch_of, claimed, finished
from workers.ledger.handler import LedgerWriter

pytestmark = pytest.mark.stack


def failed(job_id: str, message: str) -> Failed:
    error = ErrorDetail(type=ErrorType.INTERNAL, code="x", message=message, status=500)
    return Failed(job_id=job_id, tenant="t1", at=NOON, attempt=1, error=error)


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
    counts = Counts()
    writer = LedgerWriter(store, counts, Broker().ends)

    await writer.on_batches([batch_of([finished(before), hostile, finished(after)])])

    async with store.begin() as session:
        assert await job_of(session, before) is not None
        assert await job_of(session, after) is not None
        assert await positions_of(session, EVENTS.name) == {0: 3}


async def test_what_a_provider_said_too_long_or_with_a_nul_still_ends_its_job(store: Database) -> None:
    counts = Counts()

    await LedgerWriter(store, counts, Broker().ends).on_batches([batch_of(HOSTILE[:4])])

    async with store.begin() as session:
        stored = [
            await job_of(session, event.job_id) for event in HOSTILE[:4] if not isinstance(event, bytes)
        ]
    assert all(one is not None and one.view.ended_at == NOON for one in stored)
    assert (counts.bad, counts.lost) == (0, 0)


async def test_rows_that_do_not_fit_are_the_only_ones_lost(store: Database) -> None:
    counts = Counts()
    jobs = [new_ulid() for _ in range(30)]
    events: list[Event] = [claimed(job_id, 1) for job_id in jobs]
    events[7:7] = events[20:20] = [claimed(f"{number:050}", 1) for number in range(3)]

    await LedgerWriter(store, counts, Broker().ends).on_batches([batch_of(events)])

    async with store.begin() as session:
        assert all([await job_of(session, job_id) is not None for job_id in jobs])
    assert counts.lost == 3
