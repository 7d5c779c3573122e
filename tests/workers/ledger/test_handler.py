"""The ledger on a real database and a real topic: each event once, whoever brings it, however often."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from contracts.envelope import Lane
from contracts.errors import ApiError
from contracts.events import Accepted, Claimed, Event, Finished, Usage
from contracts.ids import new_ulid
from contracts.topics import EVENTS, Topic, worker_group
from contracts.wire.jobs import JobState
from infra.bus.batches import Batch, open_batches
from infra.bus.lag import open_lag
from infra.bus.producer import open_producer
from infra.bus.record import Record
from infra.bus.topics import create_topics
from infra.database import Database, open_database
from infra.migrations.upgrade import upgrade
from infra.settings import DatabaseSettings, KafkaSettings
from infra.store.jobs import job_of, positions_of
from tests.infra.store.scratch import scratch_database
from workers.ledger.handler import LedgerWriter, unseen

pytestmark = pytest.mark.stack

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
LIMIT = 30


class Counts:
    """Counts what the ledger tells."""

    def __init__(self) -> None:
        self.events = self.bad = 0

    def folded(self, events: int, seconds: float) -> None:
        self.events += events

    def unreadable(self) -> None:
        self.bad += 1

    def refused(self) -> None:
        self.bad += 1


@pytest.fixture
async def store(database: DatabaseSettings) -> AsyncIterator[Database]:
    async with scratch_database(database) as settings:
        await upgrade(settings)
        async with open_database(settings) as opened:
            yield opened


def story_events(job_id: str) -> list[Event]:
    about = {"job_id": job_id, "tenant": "t1", "at": NOON}
    return [
        Accepted(**about, kind="completion", lane=Lane.DEFAULT, user_id="u1"),
        Claimed(**about, attempt=1, worker="w1", asked_at=NOON),
        Finished(**about, attempt=1, usage=Usage(input_tokens=2, output_tokens=3)),
    ]


def batch_of(events: Sequence[Event | bytes], first: int = 0, end: int | None = None) -> Batch:
    values = [one if isinstance(one, bytes) else one.model_dump_json().encode() for one in events]
    records = [Record(EVENTS.name, 0, first + at, b"k", value) for at, value in enumerate(values)]
    return Batch(0, records, end if end is not None else first + len(records))


async def test_a_batch_that_comes_again_changes_nothing_and_counts_nothing(store: Database) -> None:
    job_id, counts = new_ulid(), Counts()
    writer = LedgerWriter(store, counts)
    batch = batch_of(story_events(job_id))

    for _ in range(3):
        await writer.on_batches([batch])

    async with store.begin() as session:
        stored = await job_of(session, job_id)
        assert await positions_of(session, EVENTS.name) == {0: 3}
    assert counts.events == 3
    assert stored is not None
    assert stored.view.state is JobState.FINISHED
    assert len(stored.view.timeline) == 3


async def test_a_job_is_folded_across_batches(store: Database) -> None:
    job_id = new_ulid()
    writer = LedgerWriter(store, Counts())
    first, *rest = story_events(job_id)

    await writer.on_batches([batch_of([first])])
    await writer.on_batches([batch_of(rest, first=1)])

    async with store.begin() as session:
        stored = await job_of(session, job_id)
    assert stored is not None
    assert [entry.type for entry in stored.view.timeline] == ["accepted", "claimed", "finished"]


async def test_two_ledgers_with_the_same_batch_write_it_once(store: Database) -> None:
    counts = Counts()
    batch = batch_of([event for _ in range(20) for event in story_events(new_ulid())])

    await asyncio.gather(*(LedgerWriter(store, counts).on_batches([batch]) for _ in range(4)))

    assert counts.events == 60


async def test_what_is_no_event_is_counted_and_holds_nothing_up(store: Database) -> None:
    job_id, counts = new_ulid(), Counts()
    events = story_events(job_id)

    await LedgerWriter(store, counts).on_batches([batch_of([b"junk", events[0], b"", b'{"type":"x"}'])])

    async with store.begin() as session:
        assert await job_of(session, job_id) is not None
        assert await positions_of(session, EVENTS.name) == {0: 4}
    assert counts.bad == 3


def test_a_topic_that_was_made_anew_is_read_from_its_beginning() -> None:
    batch = batch_of(story_events(new_ulid()), first=0, end=3)

    assert unseen(batch, 100) == batch.records
    assert unseen(batch, 2) == batch.records[2:]
    assert unseen(batch, 3) == []


async def test_a_database_that_is_away_is_waited_for(store: Database) -> None:
    job_id = new_ulid()
    away = DatabaseSettings(url=SecretStr("postgresql://jan:jan@127.0.0.1:1/jan"), timeout=1)

    async with open_database(away) as nobody:
        with pytest.raises(ApiError):
            await LedgerWriter(nobody, Counts()).write([batch_of(story_events(job_id))])
        waiting = asyncio.create_task(
            LedgerWriter(nobody, Counts()).on_batches([batch_of(story_events(job_id))])
        )
        done, _ = await asyncio.wait([waiting], timeout=0.3)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)

    assert not done


async def test_events_of_a_real_topic_are_folded_in_order_and_committed(
    store: Database, kafka: KafkaSettings
) -> None:
    topic = Topic(f"events.{new_ulid().lower()}.v1", "job_id", 2, 3_600_000, EVENTS.payload, "events")
    await create_topics(kafka, [topic])
    jobs = [new_ulid() for _ in range(50)]
    counts, told = Counts(), asyncio.Event()
    writer = LedgerWriter(store, counts)

    async def write(batches: Sequence[Batch]) -> None:
        await writer.on_batches(batches)
        if counts.events == 150:
            told.set()

    async with open_producer(kafka) as producer:
        for job_id in jobs:
            for event in story_events(job_id):
                producer.post(topic, job_id.encode(), event.model_dump_json().encode(), {})
        await producer.flush()
    async with (
        asyncio.timeout(LIMIT),
        open_batches(kafka, topic, worker_group(topic), gather=0.05, most=40) as consumer,
        open_lag(kafka) as lag,
    ):
        await consumer.run(write, told)
        waiting = await lag.backlogs({worker_group(topic): [topic]})

    async with store.begin() as session:
        stored = [await job_of(session, job_id) for job_id in jobs]
    assert counts.events == 150
    assert all(one is not None and one.view.state is JobState.FINISHED for one in stored)
    assert waiting == {worker_group(topic): {topic.name: 0}}
