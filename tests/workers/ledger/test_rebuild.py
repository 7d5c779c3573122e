"""A rebuild gives the rows that the ledger has, puts wrong ones right, and disturbs no ledger."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from itertools import zip_longest

import pytest
from sqlmodel import select

from contracts.errors import ApiError, ErrorCode
from contracts.events import Cancelled, Event, Postponed
from contracts.ids import new_ulid
from contracts.story import Charge, Story
from contracts.topics import Topic, worker_group
from infra.bus.batches import Batch, open_batches
from infra.bus.errors import BusError
from infra.bus.producer import open_producer
from infra.bus.tail import borders_of
from infra.database import Database
from infra.settings import KafkaSettings
from infra.store.jobs import lock_rebuild, positions_of, save_stories, stories_of
from infra.store.usage import UsageRow, add_usage
from tests.workers.ledger.telling import NOON, Counts, claimed, finished, post, whole_story
from workers.ledger.handler import LedgerWriter
from workers.ledger.rebuild import Rebuild, RebuildRunning, Rebuilt

pytestmark = [pytest.mark.stack, pytest.mark.kafka]

LIMIT = 60
JOBS = 120


def ignore(_done: Rebuilt) -> None:
    """Nobody watches."""


def stories(jobs: Sequence[str]) -> list[Event]:
    """Jobs of many fates, their events between each other's, some told twice or by stale attempts."""
    told = [FATES[number % len(FATES)](job_id) for number, job_id in enumerate(jobs)]
    return [event for among in zip_longest(*told) for event in among if event is not None]


def postponed(job_id: str) -> list[Event]:
    """Claimed before its acceptance is told, and tried again."""
    accepted, first, *_ = whole_story(job_id)
    error = ApiError(ErrorCode.PROVIDER_ERROR, "no").detail
    waits = Postponed(job_id=job_id, tenant="t1", at=NOON, attempt=1, error=error, until=NOON)
    return [first, accepted, waits, claimed(job_id, 2)]


def told_twice(job_id: str) -> list[Event]:
    """Ended more than once."""
    cancelled = Cancelled(job_id=job_id, tenant="t1", at=NOON, attempt=1)
    return [*whole_story(job_id), cancelled, finished(job_id), claimed(job_id, 2)]


FATES = (whole_story, postponed, told_twice)


async def rows(store: Database, jobs: Sequence[str]) -> dict[str, Story]:
    async with store.begin() as session:
        return await stories_of(session, jobs)


async def folded(store: Database, kafka: KafkaSettings, topic: Topic) -> None:
    """Fold the topic to its end, as a ledger worker does."""
    wanted = sum(border.end for border in (await borders_of(kafka, topic)).values())
    told = asyncio.Event()
    async with (
        asyncio.timeout(LIMIT),
        open_batches(kafka, topic, worker_group(topic), gather=0.02, most=50) as consumer,
    ):
        writer = LedgerWriter(store, Counts(), consumer.ends, topic)

        async def write(batches: Sequence[Batch]) -> None:
            await writer.on_batches(batches)
            async with store.begin() as session:
                if sum((await positions_of(session, topic.name)).values()) >= wanted:
                    told.set()

        await consumer.run(write, told)


async def rebuilt(store: Database, kafka: KafkaSettings, topic: Topic) -> Rebuilt:
    return await Rebuild(store, kafka, ignore, topic).run()


async def test_rebuilt_rows_equal_the_live_ones(store: Database, kafka: KafkaSettings, topic: Topic) -> None:
    jobs = [new_ulid() for _ in range(JOBS)]
    async with open_producer(kafka) as producer:
        await post(producer, topic, stories(jobs))
    await folded(store, kafka, topic)
    live = await rows(store, jobs)

    done = await rebuilt(store, kafka, topic)

    assert len(live) == JOBS
    assert await rows(store, jobs) == live
    assert (done.events, done.differed) == (len(stories(jobs)), 0)


async def test_wrong_missing_and_doubled_rows_are_put_right(
    store: Database, kafka: KafkaSettings, topic: Topic
) -> None:
    jobs = [new_ulid() for _ in range(JOBS)]
    async with open_producer(kafka) as producer:
        await post(producer, topic, stories(jobs))
    await folded(store, kafka, topic)
    live = await rows(store, jobs)
    older = Story(job_id=new_ulid(), tenant="t1", accepted_at=NOON, input_tokens=7)
    wrong = replace(live[jobs[0]], input_tokens=999, attempts=9, timeline=[])
    async with store.begin() as session:
        await save_stories(session, [wrong, older])

    done = await rebuilt(store, kafka, topic)

    assert done.differed == 1
    assert await rows(store, jobs) == live
    assert await rows(store, [older.job_id]) == {older.job_id: older}


async def test_an_empty_ledger_is_filled_and_workers_go_on_behind_it(
    store: Database, kafka: KafkaSettings, topic: Topic
) -> None:
    first, second = [new_ulid() for _ in range(40)], [new_ulid() for _ in range(40)]
    async with open_producer(kafka) as producer:
        await post(producer, topic, stories(first))
        done = await rebuilt(store, kafka, topic)
        await post(producer, topic, stories(second))
    await folded(store, kafka, topic)

    found = await rows(store, [*first, *second])
    assert done.differed == 40
    assert [len(found[job_id].timeline) for job_id in first] == [4, 4, 4] * 13 + [4]
    assert [found[job_id].state for job_id in second] == [found[job_id].state for job_id in first]


async def test_a_rebuild_beside_a_folding_ledger_loses_and_doubles_nothing(
    store: Database, kafka: KafkaSettings, topic: Topic
) -> None:
    jobs = [new_ulid() for _ in range(3 * JOBS)]
    events = stories(jobs)
    half = len(events) // 2

    async with open_producer(kafka) as producer:
        await post(producer, topic, events[:half])
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(folded(store, kafka, topic))
            tasks.create_task(rebuilt(store, kafka, topic))
            tasks.create_task(post(producer, topic, events[half:]))
    if await lags(store, kafka, topic):
        await folded(store, kafka, topic)
    live = await rows(store, jobs)

    done = await rebuilt(store, kafka, topic)

    assert len(live) == len(jobs)
    assert done.differed == 0
    assert await rows(store, jobs) == live


async def lags(store: Database, kafka: KafkaSettings, topic: Topic) -> bool:
    wanted = sum(border.end for border in (await borders_of(kafka, topic)).values())
    async with store.begin() as session:
        return sum((await positions_of(session, topic.name)).values()) < wanted


async def test_only_one_rebuilds_at_a_time(store: Database, kafka: KafkaSettings, topic: Topic) -> None:
    async with store.begin() as session:
        assert await lock_rebuild(session)

        with pytest.raises(RebuildRunning):
            await rebuilt(store, kafka, topic)


async def test_a_rebuild_that_breaks_leaves_the_ledger_as_it_was(store: Database, topic: Topic) -> None:
    kept = Story(job_id=new_ulid(), tenant="t1", accepted_at=NOON)
    nobody = KafkaSettings(bootstrap="127.0.0.1:1", request_timeout_ms=1_000)
    async with store.begin() as session:
        await save_stories(session, [kept])

    with pytest.raises(BusError):
        await rebuilt(store, nobody, topic)

    assert await rows(store, [kept.job_id]) == {kept.job_id: kept}


async def test_a_rebuild_corrects_the_use_of_jobs_that_it_puts_right_and_keeps_their_prices(
    store: Database, kafka: KafkaSettings, topic: Topic
) -> None:
    job_id = new_ulid()
    async with open_producer(kafka) as producer:
        await post(producer, topic, whole_story(job_id))
    await Rebuild(store, kafka, ignore, topic).run()
    async with store.begin() as session:
        (story,) = (await stories_of(session, [job_id])).values()
        wrong = replace(story, input_tokens=(story.input_tokens or 0) + 100, micro_usd=9)
        await save_stories(session, [wrong])
        await add_usage(session, [Charge("t1", "", NOON.date(), 102, 3, 9)])

    await Rebuild(store, kafka, ignore, topic, price=lambda *_: 4).run()
    await Rebuild(store, kafka, ignore, topic, price=lambda *_: 8).run()

    async with store.begin() as session:
        rows = await session.exec(select(UsageRow))
        (row,) = rows
    assert (row.input_tokens, row.output_tokens, row.micro_usd) == (2, 3, 4)
