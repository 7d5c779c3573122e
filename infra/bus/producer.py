"""Writing to topics: jobs, which must be durable before anyone is told, and events, which nobody waits for.

`send` returns when the broker has the record. `post` returns at once: posted records gather for a few
milliseconds and go out together, in order, through a connection of their own, so that a job never queues
behind events.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from aiokafka.errors import KafkaError, KafkaTimeoutError, OutOfOrderSequenceNumber

from contracts.topics import Topic
from infra.bus.errors import BusTimeout, BusUnavailable, bus_error, translated
from infra.bus.line import Outgoing, ProducerLine, Sent
from infra.settings import KafkaSettings

MAX_POSTED = 10_000
"""Posted records without the broker's word; beyond, new ones are dropped and counted."""
LOSS_LOG_EVERY = 1_000
FLUSH_LIMIT = 5.0
"""Seconds that a closing producer waits for posted records."""

log = logging.getLogger(__name__)


class Posted:
    """A posted record, and the future of whoever waits for it."""

    __slots__ = ("record", "retried", "waiter")

    def __init__(self, record: Outgoing, waiter: asyncio.Future[None] | None = None) -> None:
        self.record = record
        self.waiter = waiter
        self.retried = False


class Producer:
    """Writes records. Opened by `open_producer`."""

    def __init__(self, settings: KafkaSettings, jobs: ProducerLine, events: ProducerLine) -> None:
        self.posted_lost = 0
        """Posted records that never reached the broker."""
        self._limit = settings.request_timeout_ms / 1000
        self._linger = settings.event_linger_ms / 1000
        self._jobs = jobs
        self._events = events
        self._queue: deque[Posted] = deque()
        self._outstanding = 0
        self._wake = asyncio.Event()
        self._settled = asyncio.Event()
        self._settled.set()

    async def send(self, topic: Topic | str, key: bytes, value: bytes, headers: Mapping[str, str]) -> None:
        """Write a record, and wait until it is durable. After BusTimeout it may still arrive."""
        record = Outgoing(_name(topic), key, value, headers)
        with translated(f"writing to {record.topic}"):
            async with asyncio.timeout(self._limit):
                try:
                    await self._deliver(record)
                except OutOfOrderSequenceNumber:  # refused because an earlier batch failed: never written
                    await self._deliver(record)

    def post(self, topic: Topic | str, key: bytes, value: bytes, headers: Mapping[str, str]) -> None:
        """Write a record soon, without waiting. A failure is counted and logged."""
        if self._outstanding >= MAX_POSTED:
            self._lose("bus_post_queue_full")
            return
        self._enqueue(Posted(Outgoing(_name(topic), key, value, headers)))

    async def post_and_wait(
        self, topic: Topic | str, key: bytes, value: bytes, headers: Mapping[str, str]
    ) -> None:
        """Write a record after all that were posted before, and wait until it is durable. Raises BusError."""
        if self._outstanding >= MAX_POSTED:
            raise BusUnavailable("too many posted records wait for the broker")
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._enqueue(Posted(Outgoing(_name(topic), key, value, headers), waiter))
        with translated(f"writing to {_name(topic)}"):
            async with asyncio.timeout(self._limit):
                await waiter

    async def flush(self) -> None:
        """Wait until the broker has everything that was posted. Raises BusTimeout when it takes too long."""
        with translated("flushing posted records"):
            async with asyncio.timeout(self._limit):
                await self._settled.wait()

    async def ping(self) -> None:
        """Ask the broker for a sign of life. Raises BusError."""
        with translated("asking the broker"):
            async with asyncio.timeout(self._limit):
                await self._jobs.ping()

    async def flush_at_end(self) -> None:
        """Give what was posted a last chance; the rest is counted as lost."""
        try:
            async with asyncio.timeout(FLUSH_LIMIT):
                await self._settled.wait()
        except TimeoutError:
            log.warning("bus_posted_records_unsent", extra={"lost": self._outstanding})
            self.posted_lost += self._outstanding

    async def pump(self) -> None:
        """Carry posted records to the driver, for ever. Run by `open_producer`."""
        while True:
            await self._wake.wait()
            await asyncio.sleep(self._linger)
            self._wake.clear()
            while self._queue:
                await self._carry(self._queue.popleft())

    async def _deliver(self, record: Outgoing) -> None:
        sent = await self._jobs.append(record)
        try:
            await sent.promise
        except KafkaError:
            self._jobs.spoil(sent.producer)
            raise

    def _enqueue(self, posted: Posted) -> None:
        self._outstanding += 1
        self._settled.clear()
        self._queue.append(posted)
        self._wake.set()

    async def _carry(self, posted: Posted) -> None:
        try:
            sent = await self._events.append(posted.record)
        except (KafkaTimeoutError, BusUnavailable, BusTimeout):
            # The broker is away. Later records would only overtake this one.
            self._queue.appendleft(posted)
            await asyncio.sleep(self._linger)
        except KafkaError as error:
            self._settle(posted, error)
        else:
            sent.promise.add_done_callback(lambda _: self._on_promise(posted, sent))

    def _on_promise(self, posted: Posted, sent: Sent) -> None:
        error = ConnectionAbortedError() if sent.promise.cancelled() else sent.promise.exception()
        if isinstance(error, KafkaError):
            self._events.spoil(sent.producer)
        if isinstance(error, OutOfOrderSequenceNumber) and not posted.retried:
            posted.retried = True
            self._queue.append(posted)
            self._wake.set()
            return
        self._settle(posted, error)

    def _settle(self, posted: Posted, error: BaseException | None) -> None:
        self._outstanding -= 1
        if self._outstanding == 0:
            self._settled.set()
        if error is not None:
            self._lose("bus_post_failed", error)
        if posted.waiter is None or posted.waiter.done():
            return
        if error is None:
            posted.waiter.set_result(None)
        else:
            posted.waiter.set_exception(bus_error(f"writing to {posted.record.topic}", error))

    def _lose(self, event: str, error: BaseException | None = None) -> None:
        if self.posted_lost % LOSS_LOG_EVERY == 0:
            log.warning(event, extra={"lost": self.posted_lost + 1, "error": repr(error)})
        self.posted_lost += 1


@asynccontextmanager
async def open_producer(settings: KafkaSettings) -> AsyncIterator[Producer]:
    """A producer, connected. Raises BusError when the broker does not answer in time.

    At the end what was posted is flushed, within a limit.
    """
    jobs, events = ProducerLine(settings), ProducerLine(settings)
    producer = Producer(settings, jobs, events)
    try:
        await jobs.open()
        await events.open()
        pump = asyncio.create_task(producer.pump())
        try:
            yield producer
        finally:
            await producer.flush_at_end()
            pump.cancel()
            await asyncio.gather(pump, return_exceptions=True)
    finally:
        await asyncio.gather(jobs.close(), events.close())


def _name(topic: Topic | str) -> str:
    return topic if isinstance(topic, str) else topic.name
