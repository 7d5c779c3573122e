"""Records in order, many at once: for who keeps what is done in a store of its own, and not in the group.

The store's position of a partition is the truth: it moves in the transaction that writes what the records
say. The group's offset follows, so that the lag can be seen; where it was not committed, records come again
and are known by their offsets. While the store is away nothing is taken, and the member stays in its group by
polls of a partition that does not exist.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError

from contracts.topics import Topic
from infra.bus.client import PARTITION_FETCH_BYTES, address_of, check_driver, guard, own_sticky_assignor
from infra.bus.drain import KEEP_ALIVE, KEEP_ALIVE_EVERY, close
from infra.bus.errors import BusError, translated
from infra.bus.progress import ConsumerObserver, NoObserver
from infra.bus.record import Record, record_of
from infra.settings import KafkaSettings

POLL_MS = 500
"""Longest wait for records; the loop looks around at least so often."""
PLENTY = 256 * 1024
"""Bytes for which the broker waits before it answers, at most as long as a batch gathers: one fetch for all
partitions then, where each record would cause one of its own."""
ERROR_PAUSE = 1.0
START_LIMIT = 60.0
COMMIT_LIMIT = 5.0
LAG_EVERY = 5.0
"""Seconds between questions for the ends of the partitions."""
ENDS_LIMIT = 2.0
GRACE = 5.0
"""Seconds that a batch gets which is being written when the consumer is told to stop."""
FRESH_SECONDS = 30.0
"""A loop that looked around for so long no more is not ready."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Batch:
    """Records of one partition, in order, but for repetitions after a rebalance."""

    partition: int
    records: Sequence[Record]


OnBatches = Callable[[Sequence[Batch]], Awaitable[None]]
"""Writes what the records say, all or nothing; returns when that is durable, however long it takes."""


class Held(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is untyped
    """The partitions that this member holds."""

    def __init__(self, observer: ConsumerObserver) -> None:
        self.is_settled = False
        """False from a revocation until the next assignment, which may be empty."""
        self._observer = observer
        self._partitions: set[TopicPartition] = set()

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:  # noqa: ARG002  theirs
        """Nothing has to be saved: the store knows."""
        self.is_settled = False

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Go on, from where the group was committed."""
        for tp in self._partitions - set(assigned):
            self._observer.partition_lost(tp.topic, tp.partition)
        self._partitions = set(assigned)
        self._observer.rebalanced()
        self.is_settled = True


class BatchConsumer:
    """One member of a consumer group. Opened by `open_batches`."""

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        topic: str,
        held: Held,
        observer: ConsumerObserver,
        *,
        most: int,
    ) -> None:
        self._consumer = consumer
        self._topic = topic
        self._held = held
        self._observer = observer
        self._most = most
        self._looked = time.monotonic()
        self._told = 0.0

    @property
    def is_ready(self) -> bool:
        """Whether records would be taken: a settled assignment, and a loop that looked around lately."""
        return self._held.is_settled and time.monotonic() - self._looked < FRESH_SECONDS

    async def run(self, on_batches: OnBatches, until: asyncio.Event) -> None:
        """Hand over batches until told to stop; a batch that is being written then gets a grace time.

        Raises BusError when the driver has broken, and what `on_batches` raises.
        """
        while not until.is_set():
            await self._look_around({})
            batches = await self._next()
            if batches and await self._written(on_batches, batches, until):
                await self._commit(batches)

    async def ends(self, partitions: Collection[int]) -> dict[int, int]:
        """The offsets behind the last records of these partitions, asked for now. Raises BusError."""
        wanted = [TopicPartition(self._topic, partition) for partition in partitions]
        with translated("asking for the ends of partitions"):
            async with asyncio.timeout(ENDS_LIMIT):
                found = await self._consumer.end_offsets(wanted)
        return {tp.partition: end for tp, end in found.items()}

    async def _next(self) -> list[Batch]:
        try:
            found = await self._consumer.getmany(timeout_ms=POLL_MS, max_records=self._most)
        except KafkaError as error:
            log.warning("bus_poll_failed", extra={"error": repr(error)})
            await asyncio.sleep(ERROR_PAUSE)
            return []
        return [Batch(tp.partition, [record_of(raw) for raw in records]) for tp, records in found.items()]

    async def _written(self, on_batches: OnBatches, batches: Sequence[Batch], until: asyncio.Event) -> bool:
        """Whether they were written before the end of the grace time."""
        firsts = {batch.partition: batch.records[0].offset for batch in batches}
        writing = asyncio.ensure_future(on_batches(batches))
        stop: float | None = None
        try:
            while not (await asyncio.wait([writing], timeout=KEEP_ALIVE_EVERY))[0]:
                await self._look_around(firsts)
                if until.is_set():
                    stop = stop or time.monotonic() + GRACE
                    if time.monotonic() > stop:
                        return False
            await writing
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
        return True

    async def _look_around(self, firsts: dict[int, int]) -> None:
        """Stay in the group, look after the driver, tell the lag. `firsts`: what is in hand, unwritten."""
        self._looked = time.monotonic()
        check_driver(self._consumer)
        try:
            await self._consumer.getmany(KEEP_ALIVE, timeout_ms=0)
            if self._looked - self._told >= LAG_EVERY:
                self._told = self._looked
                await self._tell_lag(firsts)
        except (KafkaError, BusError) as error:
            log.debug("bus_lag_unknown", extra={"error": repr(error)})

    async def _tell_lag(self, firsts: dict[int, int]) -> None:
        held = [tp.partition for tp in self._consumer.assignment()]
        if not held or not self._held.is_settled:
            return
        for partition, end in (await self.ends(held)).items():
            position = firsts.get(partition)
            if position is None:
                position = await self._position(partition)
            self._observer.backlog(self._topic, partition, max(end - position, 0))

    async def _position(self, partition: int) -> int:
        with translated("asking for a position"):
            async with asyncio.timeout(ENDS_LIMIT):
                position: int = await self._consumer.position(TopicPartition(self._topic, partition))
        return position

    async def _commit(self, batches: Sequence[Batch]) -> None:
        marks = {
            TopicPartition(self._topic, batch.partition): batch.records[-1].offset + 1 for batch in batches
        }
        try:
            async with asyncio.timeout(COMMIT_LIMIT):
                await self._consumer.commit(marks)
        except (KafkaError, IllegalStateError, TimeoutError) as error:
            self._observer.commit_refused()
            log.warning("bus_commit_failed", extra={"error": repr(error)})
        else:
            self._observer.committed()


@asynccontextmanager
async def open_batches(
    settings: KafkaSettings,
    topic: Topic,
    group_id: str,
    *,
    gather: float,
    most: int,
    observer: ConsumerObserver | None = None,
) -> AsyncIterator[BatchConsumer]:
    """Join a group. `gather`: seconds that a batch waits for company; `most`: records of one batch.

    Raises BusError when that takes too long.
    """
    observer = observer or NoObserver()
    held = Held(observer)
    consumer = _consumer(settings, group_id, gather)
    guard(consumer._client)  # noqa: SLF001
    consumer.subscribe(topics=[topic.name], listener=held)
    try:
        with translated("joining the consumer group"):
            async with asyncio.timeout(START_LIMIT):
                await consumer.start()
        yield BatchConsumer(consumer, topic.name, held, observer, most=most)
    finally:
        await close(consumer)


def _consumer(settings: KafkaSettings, group_id: str, gather: float) -> AIOKafkaConsumer:
    address = address_of(settings)
    return AIOKafkaConsumer(
        bootstrap_servers=address.bootstrap_servers,
        request_timeout_ms=address.request_timeout_ms,
        metadata_max_age_ms=address.metadata_max_age_ms,
        group_id=group_id,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        partition_assignment_strategy=(own_sticky_assignor(),),
        fetch_max_wait_ms=int(gather * 1000),
        fetch_min_bytes=PLENTY,
        max_partition_fetch_bytes=PARTITION_FETCH_BYTES,
        session_timeout_ms=settings.session_timeout_ms,
        heartbeat_interval_ms=settings.heartbeat_interval_ms,
        rebalance_timeout_ms=settings.rebalance_timeout_ms,
        max_poll_interval_ms=settings.max_poll_interval_ms,
    )
