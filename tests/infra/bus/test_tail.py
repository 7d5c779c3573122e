"""Reading aside."""

import asyncio
from contextlib import aclosing
from datetime import UTC, datetime, timedelta

import pytest

from contracts.ids import new_ulid
from infra.bus.errors import BusError
from infra.bus.lag import open_lag
from infra.bus.producer import Producer
from infra.bus.record import Record
from infra.bus.tail import From, Start, read_topic
from infra.settings import KafkaSettings
from tests.infra.bus.conftest import NewTopic, Until, Working


async def values(settings: KafkaSettings, topic: str, start: From = Start.BEGINNING) -> list[bytes]:
    return [record.value async for record in read_topic(settings, topic, start=start)]


async def test_a_topic_is_read_from_its_beginning_to_its_end(
    new_topic: NewTopic, producer: Producer, quick: KafkaSettings
) -> None:
    topic = await new_topic(3)
    for number in range(20):
        await producer.send(topic, b"%d" % number, b"%d" % number, {})

    assert sorted(await values(quick, topic.name)) == sorted(b"%d" % number for number in range(20))


async def test_an_empty_topic_ends_at_once(new_topic: NewTopic, quick: KafkaSettings) -> None:
    topic = await new_topic(2)

    assert await values(quick, topic.name) == []


async def test_reading_may_begin_at_an_offset(
    new_topic: NewTopic, producer: Producer, quick: KafkaSettings
) -> None:
    topic = await new_topic(1)
    for number in range(10):
        await producer.send(topic, b"k", b"%d" % number, {})

    assert await values(quick, topic.name, {0: 7}) == [b"7", b"8", b"9"]


@pytest.mark.kafka
async def test_reading_may_begin_at_a_moment(
    new_topic: NewTopic, producer: Producer, quick: KafkaSettings
) -> None:
    topic = await new_topic(2)
    await producer.send(topic, b"k", b"before", {})
    await asyncio.sleep(0.02)
    moment = datetime.now(UTC)
    await asyncio.sleep(0.02)
    await producer.send(topic, b"k", b"after", {})

    assert await values(quick, topic.name, moment) == [b"after"]
    assert await values(quick, topic.name, moment + timedelta(hours=1)) == []


@pytest.mark.kafka
async def test_following_begins_now_and_does_not_end(
    new_topic: NewTopic, producer: Producer, quick: KafkaSettings, until: Until
) -> None:
    topic = await new_topic(1)
    await producer.send(topic, b"k", b"old", {})
    heard: list[bytes] = []

    async def follow() -> None:
        async with aclosing(read_topic(quick, topic, start=Start.NOW, forever=True)) as records:
            async for record in records:
                heard.append(record.value)  # noqa: PERF401  it never ends

    following = asyncio.create_task(follow())
    number = 0
    while not heard:
        number += 1
        await producer.send(topic, b"k", b"new", {})
        await asyncio.sleep(0.02)
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)

    assert set(heard) == {b"new"}


@pytest.mark.kafka
async def test_a_live_group_does_not_notice_a_reader(
    new_topic: NewTopic, producer: Producer, working: Working, until: Until, quick: KafkaSettings
) -> None:
    topic, group = await new_topic(2), new_ulid()
    begun: list[bytes] = []

    async def on_record(record: Record) -> None:
        begun.append(record.value)

    async with working(topic, on_record, group=group) as subscriber:
        await producer.send(topic, b"k", b"one", {})
        await until(lambda: begun)
        assert await values(quick, topic.name) == [b"one"]
        assert subscriber.counts.rebalances == 1
    async with open_lag(quick) as lag:
        assert await lag.backlog(group, [topic]) == {topic.name: 0}


async def test_an_unknown_topic_is_an_error(kafka: KafkaSettings) -> None:
    if kafka.flavor == "tansu":
        pytest.skip("the fallback broker creates a topic that is asked for")
    settings = kafka.model_copy(update={"request_timeout_ms": 2_000})

    with pytest.raises(BusError):
        await values(settings, f"nowhere.{new_ulid()}")
