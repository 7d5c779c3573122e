"""What FastStream gives to every subscriber, ours keeps; on the internals of one version."""

from collections.abc import Awaitable, Callable
from importlib.metadata import version
from typing import Any

from faststream import BaseMiddleware
from faststream.kafka import KafkaBroker, TestKafkaBroker
from faststream.message import StreamMessage
from faststream.specification.asyncapi import AsyncAPI
from pydantic import TypeAdapter
from typing_extensions import override

from contracts.topics import HOUR_MS, Topic
from infra.bus.broker import open_broker
from infra.bus.parallel import ParallelSubscriber, parallel_subscriber
from infra.bus.record import Record
from infra.settings import KafkaSettings

SETTINGS = KafkaSettings(bootstrap="127.0.0.1:1")
TOPIC = Topic("jobs.test.v1", "job_id", 1, HOUR_MS, TypeAdapter(dict), "Test jobs")


async def nobody_dies(record: Record, error: BaseException, attempts: int) -> None:
    raise AssertionError(record) from error


def subscribed(broker: KafkaBroker) -> ParallelSubscriber:
    return parallel_subscriber(broker, TOPIC, settings=SETTINGS, group_id="g", on_dead=nobody_dies)


def test_the_version_is_the_one_whose_internals_were_read() -> None:
    assert version("faststream") == "0.7.8"


async def test_a_handler_runs_in_memory_with_the_record() -> None:
    broker = open_broker(SETTINGS)
    seen: list[Record] = []

    @subscribed(broker)
    async def on_record(record: Record) -> None:
        seen.append(record)

    async with TestKafkaBroker(broker) as memory:
        await memory.publish(b"value", TOPIC.name, key=b"key", headers={"traceparent": "00"})

    [record] = seen
    assert (record.topic, record.key, record.value) == (TOPIC.name, b"key", b"value")
    assert record.headers["traceparent"] == "00"


async def test_middlewares_see_the_message() -> None:
    seen: list[dict[str, Any]] = []

    class Watch(BaseMiddleware):
        @override
        async def consume_scope(
            self, call_next: Callable[[StreamMessage[Any]], Awaitable[Any]], msg: StreamMessage[Any]
        ) -> Any:
            seen.append(msg.headers)
            return await call_next(msg)

    broker = open_broker(SETTINGS)
    broker.add_middleware(Watch)

    @subscribed(broker)
    async def on_record(record: Record) -> None:
        assert record.value == b"value"

    async with TestKafkaBroker(broker) as memory:
        await memory.publish(b"value", TOPIC.name, headers={"traceparent": "00"})

    assert seen[0]["traceparent"] == "00"


def test_the_subscriber_is_in_the_document() -> None:
    broker = open_broker(SETTINGS)

    @subscribed(broker)
    async def on_record(record: Record) -> None:
        """Never called."""

    document = AsyncAPI(broker, schema_version="3.0.0").to_specification().to_jsonable()

    [channel] = document["channels"].values()
    assert channel["address"] == TOPIC.name
