"""Writing to topics, on brokers that live, die and refuse."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiokafka.admin import NewTopic as DriverTopic

from contracts.ids import new_ulid
from contracts.topics import Topic
from infra.bus import producer as producer_module
from infra.bus.errors import BusError, BusUnavailable, RecordTooLarge
from infra.bus.producer import Producer, open_producer
from infra.bus.record import Record
from infra.bus.tail import read_topic
from infra.bus.topics import open_admin
from infra.embedded.child import Child, await_ready, start_child, stop_child
from infra.embedded.home import open_home
from infra.embedded.place import Place
from infra.embedded.ports import Ports
from infra.embedded.tansu import tansu_server
from infra.settings import KafkaSettings
from tests.infra.bus.conftest import NewTopic, Until


async def read_all(settings: KafkaSettings, topic: Topic | str) -> list[Record]:
    return [record async for record in read_topic(settings, topic)]


async def test_what_was_sent_is_in_the_topic(
    new_topic: NewTopic, producer: Producer, quick: KafkaSettings
) -> None:
    topic = await new_topic(3)

    await producer.send(topic, b"key", b'{"a": 1}', {"traceparent": "00-1-2-01", "odd": "\udcff"})

    [record] = await read_all(quick, topic)
    assert (record.topic, record.key, record.value) == (topic.name, b"key", b'{"a": 1}')
    assert record.headers == {"traceparent": "00-1-2-01", "odd": "\udcff"}
    assert abs(record.timestamp / 1000 - time.time()) < 60


async def test_the_same_key_goes_to_the_same_partition(
    new_topic: NewTopic, producer: Producer, quick: KafkaSettings
) -> None:
    topic = await new_topic(3)

    for number in range(12):
        await producer.send(topic, b"key-%d" % (number % 3), b"x", {})

    places = {(record.key, record.partition) for record in await read_all(quick, topic)}
    assert len(places) == 3


@pytest.mark.kafka
async def test_posted_records_arrive_in_order(
    new_topic: NewTopic, producer: Producer, quick: KafkaSettings
) -> None:
    topic = await new_topic(1)

    for number in range(500):
        producer.post(topic, b"key", b"%d" % number, {})
    await producer.post_and_wait(topic, b"key", b"last", {})

    values = [record.value for record in await read_all(quick, topic)]
    assert values == [*(b"%d" % number for number in range(500)), b"last"]


async def test_a_flush_waits_for_what_was_posted(
    new_topic: NewTopic, producer: Producer, quick: KafkaSettings
) -> None:
    topic = await new_topic(1)

    producer.post(topic, b"key", b"posted", {})
    await producer.flush()

    assert [record.value for record in await read_all(quick, topic)] == [b"posted"]
    assert producer.posted_lost == 0


async def test_closing_sends_what_was_posted(new_topic: NewTopic, quick: KafkaSettings) -> None:
    topic = await new_topic(1)

    async with open_producer(quick) as producer:
        producer.post(topic, b"key", b"posted", {})

    assert [record.value for record in await read_all(quick, topic)] == [b"posted"]


async def test_posts_beyond_the_bound_are_dropped_and_counted(
    new_topic: NewTopic, producer: Producer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(producer_module, "MAX_POSTED", 10)
    topic = await new_topic(1)

    for number in range(25):
        producer.post(topic, b"key", b"%d" % number, {})

    assert producer.posted_lost == 15
    with pytest.raises(BusUnavailable):
        await producer.post_and_wait(topic, b"key", b"more", {})


async def test_a_record_that_never_fits_is_refused_at_once(new_topic: NewTopic, producer: Producer) -> None:
    topic = await new_topic(1)

    with pytest.raises(RecordTooLarge):
        await producer.send(topic, b"key", b"x" * 2_000_000, {})
    await producer.send(topic, b"key", b"small", {})


@pytest.mark.kafka
async def test_a_refused_batch_does_not_spoil_the_next(producer: Producer, quick: KafkaSettings) -> None:
    name = f"narrow.{new_ulid()}.v1"
    async with open_admin(quick) as admin:
        await admin.create_topics([DriverTopic(name, 1, 1, topic_configs={"max.message.bytes": "1000"})])

    for send in (producer.send, producer.post_and_wait):
        with pytest.raises(RecordTooLarge):
            await send(name, b"key", b"x" * 5_000, {})
        await send(name, b"key", b"small", {})

    assert [record.value for record in await read_all(quick, name)] == [b"small", b"small"]


async def test_an_unreachable_broker_is_an_error_within_the_limit() -> None:
    settings = KafkaSettings(bootstrap="127.0.0.1:1", request_timeout_ms=1_000)
    begun = time.monotonic()

    with pytest.raises(BusError):
        async with open_producer(settings):
            pass

    assert time.monotonic() - begun < 3


@asynccontextmanager
async def mortal_broker(home: Path) -> AsyncIterator[tuple[Child, KafkaSettings]]:
    """A broker of its own, to be killed: the fallback one starts in no time."""
    place = Place(open_home(home, home / "cache"), Ports(usual=False))
    server = await tansu_server(place, "to be killed")
    child = start_child(server, place.home)
    try:
        await await_ready(child)
        yield (
            child,
            KafkaSettings(
                bootstrap=server.offers["JAN_KAFKA_BOOTSTRAP"], flavor="tansu", request_timeout_ms=1_500
            ),
        )
    finally:
        await stop_child(child)


async def test_a_broker_that_dies_is_an_error_within_the_limit(tmp_path: Path) -> None:
    topic = f"jobs.{new_ulid()}.v1"
    async with mortal_broker(tmp_path) as (broker, settings):
        async with open_admin(settings) as admin:
            await admin.create_topics([DriverTopic(topic, 1, 1)])
        async with open_producer(settings) as producer:
            await producer.send(topic, b"key", b"one", {})
            broker.process.kill()
            begun = time.monotonic()
            with pytest.raises(BusError):
                await producer.send(topic, b"key", b"two", {})
            with pytest.raises(BusError):
                await producer.post_and_wait(topic, b"key", b"three", {})
            told = time.monotonic()
        closed = time.monotonic()

    assert told - begun < 5
    assert closed - told < 15


async def test_a_broker_that_freezes_delays_records_and_loses_none(tmp_path: Path, until: Until) -> None:
    topic = f"jobs.{new_ulid()}.v1"
    async with mortal_broker(tmp_path) as (broker, settings):
        async with open_admin(settings) as admin:
            await admin.create_topics([DriverTopic(topic, 1, 1)])
        async with open_producer(settings.model_copy(update={"request_timeout_ms": 15_000})) as producer:
            broker.process.send_signal(signal.SIGSTOP)
            sending = asyncio.create_task(producer.send(topic, b"key", b"sent", {}))
            producer.post(topic, b"key", b"posted", {})
            await asyncio.sleep(0.3)
            assert not sending.done()
            broker.process.send_signal(signal.SIGCONT)
            await sending
            await producer.flush()

        assert {record.value for record in await read_all(settings, topic)} == {b"sent", b"posted"}
