"""Topics, producers and workers for the tests of the bus."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
from pydantic import TypeAdapter

from contracts.ids import new_ulid
from contracts.topics import HOUR_MS, Topic
from infra.bus.broker import open_broker
from infra.bus.consumption import ConsumptionLimits
from infra.bus.parallel import Handler, ParallelSubscriber, parallel_subscriber
from infra.bus.producer import Producer, open_producer
from infra.bus.record import Record
from infra.bus.topics import create_topics
from infra.settings import KafkaSettings

LIMIT = 30.0

Until = Callable[[Callable[[], object]], Awaitable[None]]
NewTopic = Callable[[int], Awaitable[Topic]]
Dead = list[tuple[Record, BaseException, int]]
Working = Callable[..., AbstractAsyncContextManager[ParallelSubscriber]]


@pytest.fixture
def quick(kafka: KafkaSettings) -> KafkaSettings:
    """The broker, with timeouts as short as it takes them."""
    return kafka.model_copy(
        update={
            "session_timeout_ms": 6_000,
            "rebalance_timeout_ms": 6_000,
            "heartbeat_interval_ms": 200,
            "fetch_max_wait_ms": 50,
        }
    )


@pytest.fixture
def new_topic(quick: KafkaSettings) -> NewTopic:
    """Makes an empty topic of so many partitions."""

    async def make(partitions: int) -> Topic:
        name = f"jobs.{new_ulid()}.v1"
        topic = Topic(name, "job_id", partitions, HOUR_MS, TypeAdapter(dict), "Test jobs")
        await create_topics(quick, [topic])
        return topic

    return make


@pytest.fixture
async def producer(quick: KafkaSettings) -> AsyncIterator[Producer]:
    """An open producer."""
    async with open_producer(quick) as producer:
        yield producer


@pytest.fixture
def dead() -> Dead:
    """The dead letters of the test's workers."""
    return []


@pytest.fixture
def working(quick: KafkaSettings, dead: Dead) -> Working:
    """Runs a worker here: `async with working(topic, handler, group=..., limits=...) as subscriber`."""

    async def bury(record: Record, error: BaseException, attempts: int) -> None:
        dead.append((record, error, attempts))

    @asynccontextmanager
    async def run(
        topic: Topic,
        handler: Handler,
        *,
        group: str,
        limits: ConsumptionLimits | None = None,
        settings: KafkaSettings | None = None,
    ) -> AsyncIterator[ParallelSubscriber]:
        settings = settings or quick
        limits = limits or ConsumptionLimits(commit_every=0.1)
        broker = open_broker(settings)
        subscriber = parallel_subscriber(
            broker, topic, settings=settings, group_id=group, on_dead=bury, limits=limits
        )
        subscriber(handler)
        await broker.start()
        watch = asyncio.create_task(subscriber.watch())
        try:
            yield subscriber
            assert not watch.done(), watch.exception()
        finally:
            watch.cancel()
            await broker.stop()

    return run


@pytest.fixture
def until() -> Until:
    """Waits for a condition, at most half a minute."""

    async def wait(holds: Callable[[], object]) -> None:
        end = time.monotonic() + LIMIT
        while not holds():
            assert time.monotonic() < end, "the condition did not come true"
            await asyncio.sleep(0.02)

    return wait
