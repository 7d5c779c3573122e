"""Records in order, many at once: for who keeps what is done in a store of its own, and not in the group.

The store's position of a partition is the truth: it moves in the transaction that writes what the records
say. The group's offset follows, so that the lag can be seen; where it was not committed, records come again
and are known by their offsets. While the store is away nothing is taken, and the member stays in its group.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from contracts.topics import Topic
from infra.bus.client import PARTITION_FETCH_BYTES, address_of, own_sticky_assignor
from infra.bus.errors import translated
from infra.bus.record import Record, record_of
from infra.settings import KafkaSettings

POLL_MS = 500
"""Longest wait for the first record of a batch; the loop looks around at least so often."""
START_LIMIT = 60.0
STOP_LIMIT = 5.0
COMMIT_LIMIT = 5.0
FRESH_SECONDS = 90.0
"""A loop that began no round for so long is not ready: a round waits for its store."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Batch:
    """Records of one partition, in order."""

    partition: int
    records: Sequence[Record]
    end: int
    """The offset behind the partition's last record, as the broker told."""


OnBatches = Callable[[Sequence[Batch]], Awaitable[None]]
"""Writes what the records say, all or nothing; returns when that is durable, however long it takes."""


class BatchConsumer:
    """One member of a consumer group. Opened by `open_batches`."""

    def __init__(self, consumer: AIOKafkaConsumer, gather: float, most: int) -> None:
        self._consumer = consumer
        self._gather = gather
        self._most = most
        self._began = time.monotonic()

    @property
    def is_ready(self) -> bool:
        """Whether rounds are made and partitions are held."""
        return time.monotonic() - self._began < FRESH_SECONDS and bool(self._consumer.assignment())

    async def run(self, on_batches: OnBatches, until: asyncio.Event) -> None:
        """Hand over batches until told to stop; the round that runs is ended first."""
        while not until.is_set():
            self._began = time.monotonic()
            batches = await self._next()
            if batches:
                await on_batches(batches)
                await self._commit(batches)

    async def _next(self) -> list[Batch]:
        try:
            found = await self._consumer.getmany(timeout_ms=POLL_MS, max_records=self._most)
            if 0 < sum(map(len, found.values())) < self._most:
                await asyncio.sleep(self._gather)  # company for what came first
                more = await self._consumer.getmany(timeout_ms=0, max_records=self._most)
                for tp, records in more.items():
                    found.setdefault(tp, []).extend(records)
        except KafkaError as error:
            log.warning("bus_poll_failed", extra={"error": repr(error)})
            await asyncio.sleep(self._gather)
            return []
        return [
            Batch(tp.partition, [record_of(raw) for raw in records], self._end_of(tp, records[-1].offset + 1))
            for tp, records in found.items()
        ]

    def _end_of(self, tp: TopicPartition, least: int) -> int:
        try:
            told: int | None = self._consumer.highwater(tp)
        except (AssertionError, IllegalStateError):  # the partition has just gone to another member
            return least
        return max(told or 0, least)

    async def _commit(self, batches: Sequence[Batch]) -> None:
        topic = batches[0].records[0].topic
        marks = {TopicPartition(topic, batch.partition): batch.records[-1].offset + 1 for batch in batches}
        try:
            async with asyncio.timeout(COMMIT_LIMIT):
                await self._consumer.commit(marks)
        except (CommitFailedError, IllegalStateError, KafkaError, TimeoutError) as error:
            log.warning("bus_commit_failed", extra={"error": repr(error)})


@asynccontextmanager
async def open_batches(
    settings: KafkaSettings, topic: Topic, group_id: str, *, gather: float, most: int
) -> AsyncIterator[BatchConsumer]:
    """Join a group. `gather`: seconds that a batch waits for company; `most`: records of one batch."""
    address = address_of(settings)
    consumer = AIOKafkaConsumer(
        topic.name,
        bootstrap_servers=address.bootstrap_servers,
        request_timeout_ms=address.request_timeout_ms,
        metadata_max_age_ms=address.metadata_max_age_ms,
        group_id=group_id,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        partition_assignment_strategy=(own_sticky_assignor(),),
        fetch_max_wait_ms=POLL_MS,
        max_partition_fetch_bytes=PARTITION_FETCH_BYTES,
        session_timeout_ms=settings.session_timeout_ms,
        heartbeat_interval_ms=settings.heartbeat_interval_ms,
        rebalance_timeout_ms=settings.rebalance_timeout_ms,
        max_poll_interval_ms=settings.max_poll_interval_ms,
    )
    try:
        with translated("joining the consumer group"):
            async with asyncio.timeout(START_LIMIT):
                await consumer.start()
        yield BatchConsumer(consumer, gather, most)
    finally:
        try:
            async with asyncio.timeout(STOP_LIMIT):
                await consumer.stop()
        except (KafkaError, TimeoutError) as error:
            log.warning("bus_close_failed", extra={"error": repr(error)})
