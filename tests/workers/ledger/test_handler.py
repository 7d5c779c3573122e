"""The ledger on a real database and a real topic: each event once, whoever brings it, however often."""

import asyncio
from collections.abc import Sequence

import pytest
from pydantic import SecretStr
from sqlalchemy import make_url

from contracts.errors import ApiError
from contracts.events import Event
from contracts.ids import new_ulid
from contracts.topics import EVENTS, Topic, worker_group
from contracts.wire.jobs import JobState
from infra.bus.batches import Batch, open_batches
from infra.bus.errors import BusUnavailable
from infra.bus.producer import open_producer
from infra.database import Database, open_database
from infra.settings import DatabaseSettings, KafkaSettings
from infra.store.jobs import StoredJob, job_of, positions_of
from tests.faults.proxy import HOST, open_proxy
from tests.workers.ledger.telling import Broker, Counts, batch_of, claimed, post, whole_story
from workers.ledger.handler import LedgerWriter, unseen

pytestmark = pytest.mark.stack

LIMIT = 60
AWAY = DatabaseSettings(url=SecretStr("postgresql://jan:jan@127.0.0.1:1/jan"), timeout=1)


async def stored(store: Database, job_id: str) -> StoredJob | None:
    async with store.begin() as session:
        return await job_of(session, job_id)


async def position(store: Database) -> int:
    async with store.begin() as session:
        return (await positions_of(session, EVENTS.name))[0]


def types(job: StoredJob | None) -> list[str]:
    assert job is not None
    return [entry.type for entry in job.view.timeline]


async def test_a_batch_that_comes_again_changes_nothing_and_counts_nothing(store: Database) -> None:
    job_id, counts = new_ulid(), Counts()
    writer = LedgerWriter(store, counts, Broker(4).ends)
    batch = batch_of(whole_story(job_id))

    for _ in range(3):
        await writer.on_batches([batch])

    job = await stored(store, job_id)
    assert await position(store) == 4
    assert counts.events == 4
    assert job is not None
    assert job.view.state is JobState.FINISHED
    assert len(job.view.timeline) == 4


async def test_a_job_is_folded_across_batches(store: Database) -> None:
    job_id, broker = new_ulid(), Broker()
    writer = LedgerWriter(store, Counts(), broker.ends)
    first, *rest = whole_story(job_id)

    await writer.on_batches([batch_of([first])])
    await writer.on_batches([batch_of(rest, first=1)])

    assert types(await stored(store, job_id)) == ["accepted", "claimed", "first_frame", "finished"]
    assert broker.asked == 0


async def test_ledgers_with_the_same_batch_write_it_once(store: Database) -> None:
    counts = Counts()
    batch = batch_of([event for _ in range(20) for event in whole_story(new_ulid())])

    await asyncio.gather(*(LedgerWriter(store, counts, Broker().ends).on_batches([batch]) for _ in range(4)))

    assert counts.events == 80


async def test_what_is_no_event_is_counted_and_holds_nothing_up(store: Database) -> None:
    job_id, counts = new_ulid(), Counts()
    writer = LedgerWriter(store, counts, Broker().ends)

    await writer.on_batches([batch_of([b"junk", claimed(job_id), b"", b'{"type":"x"}'])])

    assert await stored(store, job_id) is not None
    assert await position(store) == 4
    assert counts.bad == 3


async def test_a_batch_that_a_paused_ledger_still_held_moves_nothing_back(store: Database) -> None:
    job_id, counts = new_ulid(), Counts()
    broker, whole = Broker(4), whole_story(job_id)
    writer = LedgerWriter(store, counts, broker.ends)
    await writer.on_batches([batch_of(whole)])

    await writer.on_batches([batch_of(whole[:2])])

    assert await position(store) == 4
    assert (counts.events, broker.asked) == (4, 1)


async def test_a_topic_that_was_made_anew_is_folded_from_its_beginning(store: Database) -> None:
    first, second, counts = new_ulid(), new_ulid(), Counts()
    await LedgerWriter(store, counts, Broker().ends).on_batches([batch_of(whole_story(first))])

    await LedgerWriter(store, counts, Broker(2).ends).on_batches([batch_of(whole_story(second)[:2])])

    assert types(await stored(store, second)) == ["accepted", "claimed"]
    assert await position(store) == 2


def test_records_are_taken_once_though_a_rebalance_brought_them_twice() -> None:
    job_id = new_ulid()
    records = batch_of(whole_story(job_id), first=10).records

    assert unseen(Batch(0, [*records[:3], *records]), 0) == records
    assert unseen(Batch(0, records), 12) == records[2:]
    assert unseen(Batch(0, records), 14) == []


async def test_a_database_that_is_away_is_waited_for(store: Database) -> None:
    batch = batch_of(whole_story(new_ulid()))

    async with open_database(AWAY) as nobody:
        writer = LedgerWriter(nobody, Counts(), Broker().ends)
        with pytest.raises(ApiError):
            await writer.write([batch])
        waiting = asyncio.create_task(writer.on_batches([batch]))
        done, _ = await asyncio.wait([waiting], timeout=0.3)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)

    assert not done


async def test_a_database_that_comes_back_finds_nothing_missing_or_doubled(
    store: Database, own_database: DatabaseSettings
) -> None:
    job_id, counts = new_ulid(), Counts()
    first, *rest = whole_story(job_id)
    url = make_url(own_database.url.get_secret_value())
    async with open_proxy(url.port or 0) as proxy:
        through = SecretStr(url.set(host=HOST, port=proxy.port).render_as_string(hide_password=False))
        async with open_database(own_database.model_copy(update={"url": through, "timeout": 1})) as hurt:
            writer = LedgerWriter(hurt, counts, Broker().ends)
            await writer.on_batches([batch_of([first])])
            await proxy.down()
            writing = asyncio.create_task(writer.on_batches([batch_of(rest, first=1)]))
            done, _ = await asyncio.wait([writing], timeout=0.5)
            await proxy.up()
            async with asyncio.timeout(LIMIT):
                await writing

    assert not done
    assert types(await stored(store, job_id)) == ["accepted", "claimed", "first_frame", "finished"]
    assert counts.events == 4


async def test_a_broker_that_does_not_answer_changes_nothing(store: Database) -> None:
    async def silent(_partitions: object) -> dict[int, int]:
        raise BusUnavailable("away")

    batch = batch_of(whole_story(new_ulid()))
    await LedgerWriter(store, Counts(), Broker().ends).on_batches([batch])

    with pytest.raises(BusUnavailable):
        await LedgerWriter(store, Counts(), silent).write([batch])

    assert await position(store) == 4


async def test_events_of_a_real_topic_are_folded_by_two_members_one_after_the_other(
    store: Database, kafka: KafkaSettings, topic: Topic
) -> None:
    jobs = [new_ulid() for _ in range(50)]
    events: list[list[Event]] = [whole_story(job_id) for job_id in jobs]
    counts = Counts()

    async with asyncio.timeout(LIMIT), open_producer(kafka) as producer:
        for half, wanted in ((slice(0, 2), 100), (slice(2, 4), 200)):
            await post(producer, topic, [event for one in events for event in one[half]])
            await fold_until(store, kafka, topic, counts, wanted)

    assert counts.events == 200
    for job_id in jobs:
        assert types(await stored(store, job_id)) == ["accepted", "claimed", "first_frame", "finished"]


async def fold_until(
    store: Database, kafka: KafkaSettings, topic: Topic, counts: Counts, wanted: int
) -> None:
    """Be a member of the group until so many events are folded."""
    told = asyncio.Event()
    async with open_batches(kafka, topic, worker_group(topic), gather=0.05, most=40) as consumer:
        writer = LedgerWriter(store, counts, consumer.ends)

        async def write(batches: Sequence[Batch]) -> None:
            await writer.on_batches(batches)
            if counts.events >= wanted:
                told.set()

        await consumer.run(write, told)
