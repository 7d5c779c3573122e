"""One producer of the driver, made anew when a failed batch has spoilt it.

aiokafka numbers the batches of an idempotent producer but never takes a number back: after one batch that
the broker refused for good, every later batch of that partition is refused as out of order (seen on Apache
Kafka 4.4). A producer that had such a failure is therefore replaced: a new producer id counts anew.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    UnknownTopicOrPartitionError,
)

from infra.bus.client import address_of, guard
from infra.bus.errors import BusUnavailable, translated
from infra.bus.partitioner import partition_of
from infra.bus.record import encode_headers
from infra.settings import KafkaSettings

CLOSE_LIMIT = 5.0
"""Seconds to flush and close; an idempotent producer would wait for a lost broker for ever."""
ABANDON_TRIES = 10
ABANDON_PAUSE = 0.1

log = logging.getLogger(__name__)


class Outgoing(NamedTuple):
    """A record on its way to the broker."""

    topic: str
    key: bytes
    value: bytes
    headers: Mapping[str, str]


class Sent(NamedTuple):
    """The driver's promise for one record, and which producer gave it."""

    promise: asyncio.Future[object]
    producer: AIOKafkaProducer


class ProducerLine:
    """A producer that outlives its own failures."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._producer: AIOKafkaProducer | None = None
        self._opening = asyncio.Lock()
        self._closing: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Connect. Raises BusError when the broker does not answer in time."""
        await self._ready()

    async def ping(self) -> None:
        """Ask the broker for its metadata. Raises BusUnavailable when no broker answers."""
        producer = await self._ready()
        if not await producer.client.force_metadata_update():
            raise BusUnavailable("no broker answers")

    async def append(self, record: Outgoing) -> Sent:
        """Hand a record to the driver, which sends it at once; the promise is kept when the broker has it."""
        producer = self._producer or await self._ready()
        try:
            promise = await producer.send(
                record.topic, record.value, record.key, headers=encode_headers(record.headers)
            )
        except (KafkaTimeoutError, MessageSizeTooLargeError, UnknownTopicOrPartitionError):
            raise  # nothing was numbered
        except KafkaError:
            self.spoil(producer)
            raise
        return Sent(promise, producer)

    def spoil(self, producer: AIOKafkaProducer) -> None:
        """This producer had a batch refused: the next record goes through a new one."""
        if self._settings.flavor != "kafka" or self._producer is not producer:
            return
        log.warning("bus_producer_replaced")
        self._producer = None
        task = asyncio.create_task(_close(producer))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """Flush what is under way and disconnect, within a limit."""
        if self._producer is not None:
            await _close(self._producer)
            self._producer = None
        await asyncio.gather(*self._closing)

    async def _ready(self) -> AIOKafkaProducer:
        async with self._opening:
            if self._producer is None:
                self._producer = await _open(self._settings)
            return self._producer


async def _open(settings: KafkaSettings) -> AIOKafkaProducer:
    address = address_of(settings)
    producer = AIOKafkaProducer(
        bootstrap_servers=address.bootstrap_servers,
        request_timeout_ms=address.request_timeout_ms,
        metadata_max_age_ms=address.metadata_max_age_ms,
        acks="all",
        enable_idempotence=settings.flavor == "kafka",
        linger_ms=0,
        partitioner=partition_of,
    )
    guard(producer.client)
    try:
        with translated("connecting a producer"):
            async with asyncio.timeout(settings.request_timeout_ms / 1000):
                await producer.start()
    except BaseException:
        await _close(producer)
        raise
    return producer


async def _close(producer: AIOKafkaProducer) -> None:
    stopping = asyncio.create_task(producer.stop())
    _, late = await asyncio.wait({stopping}, timeout=CLOSE_LIMIT)
    if late:
        log.warning("bus_producer_closed_with_records_unsent")
        await _abandon(producer)
        await asyncio.wait({stopping}, timeout=CLOSE_LIMIT)
    if stopping.done():
        stopping.result()


async def _abandon(producer: AIOKafkaProducer) -> None:
    """The driver cannot give up by itself. Once its sender has ended, its own stop comes to an end.

    The sender answers the first cancellation by waiting for its requests, so it takes more than one.
    """
    sender = producer._sender.sender_task  # noqa: SLF001
    for _ in range(ABANDON_TRIES):
        if sender is None or sender.done():
            return
        sender.cancel()
        await asyncio.wait({sender}, timeout=ABANDON_PAUSE)
