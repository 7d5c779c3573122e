"""Workers that come and go while jobs run."""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack

import pytest
from aiokafka.admin import NewTopic as DriverTopic

from contracts.ids import new_ulid
from infra.bus import broker as broker_module
from infra.bus.consumption import ConsumptionLimits
from infra.bus.producer import Producer
from infra.bus.record import Record
from infra.bus.topics import open_admin
from infra.settings import KafkaSettings
from tests.infra.bus.conftest import NewTopic, Until, Working

HASTY = ConsumptionLimits(commit_every=0.1, drain_timeout=0)


class Jobs:
    """A handler whose jobs run until they are released."""

    def __init__(self) -> None:
        self.begun: Counter[bytes] = Counter()
        self.finished: Counter[bytes] = Counter()
        self.cancelled: Counter[bytes] = Counter()
        self.release = asyncio.Event()

    async def on_record(self, record: Record) -> None:
        self.begun[record.value] += 1
        try:
            await self.release.wait()
        except asyncio.CancelledError:
            self.cancelled[record.value] += 1
            raise
        self.finished[record.value] += 1


async def send_numbers(producer: Producer, topic: str, numbers: range) -> set[bytes]:
    names = [b"%d" % number for number in numbers]
    await asyncio.gather(*(producer.send(topic, name, name, {}) for name in names))
    return set(names)


async def test_jobs_run_on_when_a_worker_joins(
    new_topic: NewTopic, producer: Producer, working: Working, until: Until
) -> None:
    topic, group = await new_topic(4), new_ulid()
    first, second = Jobs(), Jobs()
    names = await send_numbers(producer, topic.name, range(40))

    async with working(topic, first.on_record, group=group) as old:
        await until(lambda: len(first.begun) == 40)
        async with working(topic, second.on_record, group=group) as new:
            await until(lambda: len(old.progress()) == 2 and len(new.progress()) == 2)
            first.release.set()
            second.release.set()
            await until(lambda: set(first.finished) == names)
            await until(lambda: new.counts.finished + new.counts.skipped == old.counts.lost)

    assert not first.cancelled
    assert set(first.begun.values()) == {1}


async def test_jobs_of_kept_partitions_are_not_begun_again(
    new_topic: NewTopic, producer: Producer, working: Working, until: Until
) -> None:
    topic, group = await new_topic(4), new_ulid()
    first, second = Jobs(), Jobs()
    await send_numbers(producer, topic.name, range(40))

    async with working(topic, first.on_record, group=group) as old:
        await until(lambda: len(first.begun) == 40)
        async with working(topic, second.on_record, group=group) as new:
            await until(lambda: len(old.progress()) == 2 and len(new.progress()) == 2)
            kept = sum(at.in_flight for at in old.progress())
            await until(lambda: len(second.begun) == 40 - kept)
            assert old.in_flight == 40
            first.release.set()
            second.release.set()


async def test_jobs_go_on_when_their_partition_comes_back(
    new_topic: NewTopic, producer: Producer, working: Working, until: Until
) -> None:
    topic, group = await new_topic(4), new_ulid()
    first, second = Jobs(), Jobs()
    await send_numbers(producer, topic.name, range(20))

    async with working(topic, first.on_record, group=group) as old:
        await until(lambda: len(first.begun) == 20)
        async with working(topic, second.on_record, group=group, limits=HASTY) as new:
            await until(lambda: len(old.progress()) == 2 and len(new.progress()) == 2)
            await until(lambda: second.begun)
        await until(lambda: len(old.progress()) == 4)
        assert sum(at.in_flight for at in old.progress()) == 20
        first.release.set()
        await until(lambda: sum(first.finished.values()) == 20)
    async with working(topic, second.on_record, group=group) as successor:
        names = await send_numbers(producer, topic.name, range(100, 101))
        await until(lambda: names <= set(second.begun))
        assert successor.counts.begun == 1
        second.release.set()

    assert set(first.begun.values()) == {1}
    assert not second.finished.keys() & first.finished.keys()


async def test_no_record_is_lost_while_workers_come_and_go(
    new_topic: NewTopic, producer: Producer, working: Working, until: Until
) -> None:
    topic, group = await new_topic(4), new_ulid()
    jobs = Jobs()
    jobs.release.set()
    expected: set[bytes] = set()

    async with AsyncExitStack() as stack:
        await stack.enter_async_context(working(topic, jobs.on_record, group=group))
        for start in range(0, 300, 100):
            sending = asyncio.create_task(
                send_numbers(producer, topic.name, range(start * 10, start * 10 + 300))
            )
            async with working(topic, jobs.on_record, group=group):
                expected |= await sending
        await until(lambda: set(jobs.finished) == expected)


@pytest.mark.kafka
async def test_records_of_a_topic_made_again_are_run(
    new_topic: NewTopic,
    producer: Producer,
    working: Working,
    until: Until,
    quick: KafkaSettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(broker_module, "METADATA_MAX_AGE_MS", 500)
    topic, group = await new_topic(1), new_ulid()
    jobs = Jobs()
    jobs.release.set()

    async with working(topic, jobs.on_record, group=group):
        old = await send_numbers(producer, topic.name, range(20))
        await until(lambda: set(jobs.finished) == old)
        async with open_admin(quick) as admin:
            await admin.delete_topics([topic.name])
            await admin.create_topics([DriverTopic(topic.name, 1, 1)])
        new = await send_numbers(producer, topic.name, range(100, 105))
        await until(lambda: new <= set(jobs.finished))
