"""The room on a real broker: records come back when they are due, and those that are not due stay."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry

from contracts.envelope import Lane
from contracts.errors import ApiError, ErrorCode
from contracts.headers import Header
from contracts.ids import new_ulid
from contracts.topics import COMPLETION, RETRIES, Topic, dead_topic, worker_group
from infra.bus.broker import open_broker
from infra.bus.lag import open_lag
from infra.bus.parallel import ParallelSubscriber
from infra.bus.producer import Producer, open_producer
from infra.bus.record import Record
from infra.bus.tail import read_topic
from infra.bus.topics import create_topics
from infra.settings import KafkaSettings
from infra.telemetry.worker_metrics import WorkerMetrics
from tests.contracts.records import envelope
from workers.retry.__main__ import subscribe
from workers.retry.handler import Mover
from workers.runtime.dead import DeadLetters
from workers.runtime.postpone import Postponer

pytestmark = pytest.mark.stack

ORIGIN, FIRST = COMPLETION[Lane.BATCH], RETRIES[10]
LIMIT = 30.0
BUSY = ApiError(ErrorCode.PROVIDER_RATE_LIMITED, "The provider is busy").detail


@pytest.fixture
async def quick(kafka: KafkaSettings) -> KafkaSettings:
    """The broker with the topics of these tests, and a group that is soon joined."""
    topics = [ORIGIN, *RETRIES.values()]
    await create_topics(kafka, [*topics, *map(dead_topic, topics)])
    return kafka.model_copy(update={"session_timeout_ms": 6_000, "heartbeat_interval_ms": 200})


@pytest.fixture
async def producer(quick: KafkaSettings) -> AsyncIterator[Producer]:
    async with open_producer(quick) as producer:
        yield producer


@asynccontextmanager
async def running(settings: KafkaSettings, producer: Producer) -> AsyncIterator[list[ParallelSubscriber]]:
    """The room, in this process."""
    metrics, mover = WorkerMetrics(CollectorRegistry()), Mover(producer)
    dead = DeadLetters(list(RETRIES.values()), producer, mover, "test", metrics)
    broker = open_broker(settings)
    subscribers = subscribe(broker, settings, mover, dead.bury, metrics)
    await broker.start()
    try:
        yield subscribers
    finally:
        await broker.stop()


async def first_of(settings: KafkaSettings, topic: Topic, key: bytes) -> Record:
    """The first record of a key, awaited."""
    async with asyncio.timeout(LIMIT), aclosing(read_topic(settings, topic, forever=True)) as records:
        async for record in records:
            if record.key == key:
                return record
    raise AssertionError("a topic that is followed does not end")


async def test_a_postponed_record_comes_back_when_it_is_due_with_its_tries(
    quick: KafkaSettings, producer: Producer
) -> None:
    key = new_ulid().encode()
    asked = envelope().model_copy(update={"deadline": datetime.now(UTC) + timedelta(seconds=30)})
    failed = Record(ORIGIN.name, 0, 0, key, asked.model_dump_json().encode(), {"traceparent": "00-1"})
    postponer = Postponer(producer, [0.5])

    due = await postponer.postpone(failed, asked, BUSY, None)
    async with running(quick, producer):
        back = await first_of(quick, ORIGIN, key)

    assert due is not None
    assert time.time() >= due.timestamp()
    assert (back.value, back.headers) == (failed.value, {"traceparent": "00-1", "x-tries": "1"})


async def test_a_record_without_a_way_back_is_a_dead_letter(quick: KafkaSettings, producer: Producer) -> None:
    key = new_ulid().encode()
    headers = {"x-not-before": "nan", "x-origin-topic": ORIGIN.name}

    await producer.send(FIRST, key, b"\xffvalue", headers)
    async with running(quick, producer):
        letter = await first_of(quick, dead_topic(FIRST), key)

    assert letter.value == b"\xffvalue"
    assert letter.headers[Header.DEAD_REASON] == "poison"
    assert letter.headers[Header.DEAD_ERROR] == "Poison: x-not-before is no moment: 'nan'"


@pytest.mark.kafka
async def test_a_room_that_stops_leaves_what_is_not_due_in_its_topic_at_once(
    quick: KafkaSettings, producer: Producer
) -> None:
    key, in_an_hour = new_ulid().encode(), time.time() + 3_600
    headers = {"x-not-before": f"{in_an_hour:.3f}", "x-origin-topic": ORIGIN.name}
    async with running(quick, producer) as subscribers:
        await producer.send(FIRST, key, b"value", headers)
        async with asyncio.timeout(LIMIT):
            while not sum(subscriber.in_flight for subscriber in subscribers):
                await asyncio.sleep(0.02)
        began = time.monotonic()

    assert time.monotonic() - began < LIMIT / 2
    assert key not in [record.key async for record in read_topic(quick, ORIGIN)]
    async with open_lag(quick) as lag:
        assert (await lag.backlog(worker_group(FIRST), [FIRST]))[FIRST.name] >= 1
