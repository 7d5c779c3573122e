"""Records in order, many at once: it stays in its group while its store is away, and ends when told."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from typing_extensions import override

from contracts.ids import new_ulid
from contracts.topics import Topic
from infra.bus.batches import LAG_EVERY, Batch, BatchConsumer, OnBatches, open_batches
from infra.bus.lag import open_lag
from infra.bus.producer import Producer
from infra.bus.progress import NoObserver
from infra.settings import KafkaSettings
from tests.infra.bus.conftest import NewTopic, Until

pytestmark = pytest.mark.stack

LIMIT = 40


class Backlogs(NoObserver):
    """Remembers what it is told of backlogs."""

    def __init__(self) -> None:
        self.last: dict[int, int] = {}
        self.told = self.commits = 0

    @override
    def backlog(self, topic: str, partition: int, records: int) -> None:
        self.told += 1
        self.last[partition] = records

    @override
    def partition_lost(self, topic: str, partition: int) -> None:
        self.last.pop(partition, None)

    @override
    def committed(self) -> None:
        self.commits += 1


class Store:
    """Keeps what is brought to it; it may be away."""

    def __init__(self, *, away: bool = False) -> None:
        self.values: dict[int, list[bytes]] = {}
        self.sizes: list[int] = []
        self.asked = asyncio.Event()
        self.back = asyncio.Event()
        if not away:
            self.back.set()

    @property
    def count(self) -> int:
        return sum(map(len, self.values.values()))

    async def on_batches(self, batches: Sequence[Batch]) -> None:
        self.asked.set()
        await self.back.wait()
        self.sizes.append(sum(len(batch.records) for batch in batches))
        for batch in batches:
            self.values.setdefault(batch.partition, []).extend(record.value for record in batch.records)


@asynccontextmanager
async def member(
    settings: KafkaSettings,
    topic: Topic,
    on_batches: OnBatches,
    observer: NoObserver | None = None,
    *,
    most: int = 100,
) -> AsyncIterator[BatchConsumer]:
    """A running member of the topic's group, told to stop at the end."""
    told = asyncio.Event()
    async with (
        asyncio.timeout(LIMIT),
        open_batches(
            settings, topic, f"g.{topic.name}", gather=0.05, most=most, observer=observer
        ) as consumer,
        asyncio.TaskGroup() as tasks,
    ):
        running = tasks.create_task(consumer.run(on_batches, told))
        yield consumer
        told.set()
        await running


async def fill(producer: Producer, topic: Topic, count: int, first: int = 0) -> None:
    for number in range(first, first + count):
        producer.post(topic, f"{number % 7}".encode(), str(number).encode(), {})
    await producer.flush()


async def unfinished(settings: KafkaSettings, topic: Topic) -> int:
    async with open_lag(settings) as lag:
        return (await lag.backlog(f"g.{topic.name}", [topic]))[topic.name]


@pytest.mark.kafka  # the fallback does not tell where partitions end
async def test_each_partition_comes_whole_and_in_order_in_batches_of_a_bounded_size(
    quick: KafkaSettings, new_topic: NewTopic, producer: Producer, until: Until
) -> None:
    topic, store = await new_topic(3), Store()
    await fill(producer, topic, 500)

    async with member(quick, topic, store.on_batches, most=60):
        await until(lambda: store.count >= 500)

    assert store.count == 500
    assert all(values == sorted(values, key=int) for values in store.values.values())
    assert max(store.sizes) <= 2 * 60
    assert await unfinished(quick, topic) == 0


@pytest.mark.kafka  # the fallback does not tell where partitions end
async def test_nothing_is_committed_while_the_store_is_away_and_the_lag_is_told(
    quick: KafkaSettings, new_topic: NewTopic, producer: Producer, until: Until
) -> None:
    topic, store, seen = await new_topic(1), Store(away=True), Backlogs()
    await fill(producer, topic, 20)

    async with member(quick, topic, store.on_batches, seen) as consumer:
        await store.asked.wait()
        await fill(producer, topic, 30, first=20)
        await until(lambda: seen.last.get(0) == 50)
        assert consumer.is_ready
        assert seen.commits == 0
        store.back.set()
        await until(lambda: store.count == 50)
        await until(lambda: seen.last.get(0) == 0)

    assert await unfinished(quick, topic) == 0


async def test_a_member_outlives_its_poll_timer_while_its_store_is_away(
    quick: KafkaSettings, new_topic: NewTopic, producer: Producer, until: Until
) -> None:
    topic, store, seen = await new_topic(1), Store(away=True), Backlogs()
    short = quick.model_copy(update={"max_poll_interval_ms": int(LAG_EVERY * 500)})
    await fill(producer, topic, 10)

    async with member(short, topic, store.on_batches, seen) as consumer:
        await store.asked.wait()
        await until(lambda: seen.told >= 2)  # LAG_EVERY passes between, which is longer than the timer
        assert consumer.is_ready
        store.back.set()
        await until(lambda: seen.commits == 1)

    assert store.sizes == [10]


@pytest.mark.kafka  # the fallback does not tell where partitions end
async def test_a_member_that_is_told_to_stop_does_not_wait_for_its_store_for_ever(
    quick: KafkaSettings, new_topic: NewTopic, producer: Producer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.bus.batches.GRACE", 0.2)
    topic, away, store = await new_topic(1), Store(away=True), Store()
    await fill(producer, topic, 10)

    async with member(quick, topic, away.on_batches):
        await away.asked.wait()

    assert away.count == 0
    assert await unfinished(quick, topic) == 10
    async with member(quick, topic, store.on_batches):
        await store.asked.wait()
    assert store.count == 10


async def test_two_members_share_the_partitions_and_one_takes_over(
    quick: KafkaSettings, new_topic: NewTopic, producer: Producer, until: Until
) -> None:
    topic, first, second = await new_topic(4), Store(), Store()

    async with member(quick, topic, first.on_batches) as staying:
        async with member(quick, topic, second.on_batches) as leaving:
            await until(lambda: staying.is_ready and leaving.is_ready)
            await fill(producer, topic, 200)
            await until(lambda: first.count + second.count >= 200)
        await fill(producer, topic, 100, first=200)
        await until(lambda: first.count + second.count >= 300)

    brought = {value for store in (first, second) for one in store.values.values() for value in one}
    assert len(brought) == 300


@pytest.mark.kafka  # the fallback does not tell where partitions end
async def test_the_broker_is_asked_where_partitions_end(
    quick: KafkaSettings, new_topic: NewTopic, producer: Producer
) -> None:
    topic, store = await new_topic(1), Store()
    await fill(producer, topic, 12)

    async with member(quick, topic, store.on_batches) as consumer:
        assert await consumer.ends([0]) == {0: 12}


async def test_what_the_store_raises_ends_the_consumer(
    quick: KafkaSettings, new_topic: NewTopic, producer: Producer
) -> None:
    async def refuse(_batches: Sequence[Batch]) -> None:
        raise ValueError(new_ulid())

    topic = await new_topic(1)
    await fill(producer, topic, 1)

    with pytest.raises(ValueError, match="01"):
        async with open_batches(quick, topic, f"g.{topic.name}", gather=0.01, most=10) as consumer:
            await consumer.run(refuse, asyncio.Event())
