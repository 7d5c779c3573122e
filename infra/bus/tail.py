"""Reading a topic from the side: no group, no commits, so nobody who works on it notices."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from aiokafka import AIOKafkaConsumer, TopicPartition

from contracts.topics import Topic
from infra.bus.client import address_of, guard
from infra.bus.errors import BusTimeout, translated
from infra.bus.record import Record, record_of
from infra.settings import KafkaSettings

POLL_MS = 250
"""Longest wait for records before looking whether the end is reached."""

Offsets = dict[TopicPartition, int]
Records = AsyncGenerator[Record, None]


class Start(Enum):
    """Where reading begins."""

    BEGINNING = "beginning"
    NOW = "now"


From = Start | datetime | Mapping[int, int]
"""A place; a moment, from whose first record on; or offsets by partition, others from their beginning."""


@dataclass(frozen=True)
class Borders:
    """Where a partition begins and ends now, in offsets; `end` is behind the last record."""

    first: int
    end: int


async def borders_of(settings: KafkaSettings, topic: Topic | str) -> dict[int, Borders]:
    """The borders of a topic's partitions. Raises BusError."""
    name = topic if isinstance(topic, str) else topic.name
    async with open_reader(settings, name) as consumer:
        with translated(f"looking up {name}"):
            async with asyncio.timeout(settings.request_timeout_ms / 1000):
                firsts, ends = await _borders(consumer, Start.BEGINNING)
    return {tp.partition: Borders(first, ends[tp]) for tp, first in firsts.items()}


async def read_topic(
    settings: KafkaSettings, topic: Topic | str, *, start: From = Start.BEGINNING, forever: bool = False
) -> Records:
    """The records of a topic, in order within each partition.

    Ends where the topic ended when reading began, or never. Leave early through `contextlib.aclosing`.
    Raises BusError when the broker is away, or silent although there is more.
    """
    name = topic if isinstance(topic, str) else topic.name
    limit = settings.request_timeout_ms / 1000
    async with open_reader(settings, name) as consumer:
        with translated(f"looking up {name}"):
            async with asyncio.timeout(limit):
                firsts, ends = await _borders(consumer, start)
        for tp, first in firsts.items():
            consumer.seek(tp, first)
        if forever:
            reading = _read_for_ever(consumer)
        else:
            left = {tp: end for tp, end in ends.items() if firsts[tp] < end}
            reading = _read_until(consumer, left, limit)
        async with aclosing(reading):
            async for record in reading:
                yield record


@asynccontextmanager
async def open_reader(settings: KafkaSettings, *topics: str) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer of the driver without a group, connected, with all partitions of the topics."""
    address = address_of(settings)
    consumer = AIOKafkaConsumer(
        *topics,
        bootstrap_servers=address.bootstrap_servers,
        request_timeout_ms=address.request_timeout_ms,
        metadata_max_age_ms=address.metadata_max_age_ms,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=settings.fetch_max_wait_ms,
    )
    guard(consumer._client)  # noqa: SLF001
    try:
        with translated("connecting a reader"):
            async with asyncio.timeout(settings.request_timeout_ms / 1000):
                await consumer.start()
        yield consumer
    finally:
        await consumer.stop()


async def _read_for_ever(consumer: AIOKafkaConsumer) -> Records:
    while True:
        with translated("reading"):
            batches = await consumer.getmany(timeout_ms=POLL_MS)
        for records in batches.values():
            for raw in records:
                yield record_of(raw)


async def _read_until(consumer: AIOKafkaConsumer, left: Offsets, silence: float) -> Records:
    heard = time.monotonic()
    while left:
        with translated("reading"):
            batches = await consumer.getmany(*left, timeout_ms=POLL_MS)
        for tp, records in batches.items():
            for raw in records:
                if raw.offset < left[tp]:
                    yield record_of(raw)
        # By the position, which also passes gaps and transaction markers.
        left = {tp: end for tp, end in left.items() if await consumer.position(tp) < end}
        heard = time.monotonic() if batches else heard
        if time.monotonic() - heard > silence:
            raise BusTimeout("reading: the broker is silent")


async def _borders(consumer: AIOKafkaConsumer, start: From) -> tuple[Offsets, Offsets]:
    """Where to begin in each partition, and where each ends now."""
    partitions = consumer.assignment()
    beginnings: Offsets = await consumer.beginning_offsets(partitions)
    ends: Offsets = await consumer.end_offsets(partitions)
    match start:
        case Start.BEGINNING:
            return beginnings, ends
        case Start.NOW:
            return ends, ends
        case datetime():
            moment = int(start.timestamp() * 1000)
            found = await consumer.offsets_for_times(dict.fromkeys(partitions, moment))
            return {tp: at.offset if at else ends[tp] for tp, at in found.items()}, ends
    return {tp: max(start.get(tp.partition, 0), first) for tp, first in beginnings.items()}, ends
