"""Many jobs at once from each partition of a consumer group.

One loop takes records and gives each a task of its own. Records are taken only while there are free
places and while a partition's unfinished head is not too far behind (`max_span`); aiokafka keeps at most
one fetched batch per partition, so not taking is all the back-pressure there is. The timer that throws a
silent member out of the group is kept alive by polls of a partition that does not exist. A second loop
commits. When either loop breaks, `failed` is set and the process must end: a consumer that looks alive
and takes nothing is the worst kind of dead.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from infra.bus.assignment import Assignment, Partition
from infra.bus.attempts import AttemptLimits, Attempts, OnDead
from infra.bus.client import check_driver
from infra.bus.commits import Commits
from infra.bus.drain import KEEP_ALIVE, close, drain
from infra.bus.errors import BusError
from infra.bus.progress import ConsumerObserver, Counts, NoObserver, PartitionProgress
from infra.bus.record import record_of

REST = 1.0
"""Seconds between keep-alive polls when nothing can be taken."""
POLL_MS = 200
"""Longest wait for records; the loop looks around at least so often."""
PARTIAL_POLL_MS = 50
"""The same while some partitions wait for places, which may become free meanwhile."""
PLENTY = 4
"""Free places per partition from which on one take serves all; below, each partition gets a share in turn."""
ERROR_PAUSE = 1.0
MAX_ERRORS = 300
"""Polls in a row that may fail before the consumer gives up, a second apart: its jobs would die with it."""
FRESH_SECONDS = 30.0
"""A loop that has not polled for so long is not ready."""

log = logging.getLogger(__name__)

Handle = Callable[[ConsumerRecord], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class ConsumptionLimits:
    """How much a consumer takes on, and how long it waits."""

    max_jobs: int = 64
    max_span: int = 50_000
    """How far dispatch may run ahead of a partition's first unfinished record: bounds memory and metadata."""
    commit_every: float = 0.5
    drain_timeout: float = 30.0
    cancel_lost: bool = False
    """Cancel the jobs of a lost partition. Otherwise they end, and claims decide whose run counts."""
    attempts: AttemptLimits = field(default_factory=AttemptLimits)


class Consumption:
    """The running state of one consumer."""

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        handle: Handle,
        on_dead: OnDead,
        *,
        limits: ConsumptionLimits,
        observer: ConsumerObserver | None = None,
    ) -> None:
        self.counts = Counts()
        self.failed = asyncio.Event()
        self.error: BaseException | None = None
        self._consumer = consumer
        self._handle = handle
        self._limits = limits
        self._observer = observer or NoObserver()
        self._attempts = Attempts(limits.attempts, on_dead, self.counts)
        self._commits = Commits(consumer, self.counts, self._observer)
        self._wake = asyncio.Event()
        self.assignment = Assignment(
            consumer,
            commit=self._commit,
            on_change=self._wake.set,
            counts=self.counts,
            observer=self._observer,
            cancel_lost=limits.cancel_lost,
        )
        self._jobs: set[asyncio.Task[None]] = set()
        self._loops: list[asyncio.Task[None]] = []
        self._turn = 0
        self._draining = False
        self._polled = time.monotonic()

    @property
    def in_flight(self) -> int:
        """Jobs that run now, those of lost partitions too."""
        return len(self._jobs)

    @property
    def is_ready(self) -> bool:
        """Whether records would be taken: a settled assignment, and a loop that polled lately."""
        fresh = time.monotonic() - self._polled < FRESH_SECONDS
        return self.assignment.is_settled and fresh and not self._draining and not self.failed.is_set()

    def progress(self) -> list[PartitionProgress]:
        """Every assigned partition at this moment."""
        return self.assignment.progress()

    def start(self) -> None:
        """Begin to take records and to commit; the consumer has started."""
        self._loops = [self._own(self._take_for_ever()), self._own(self._commit_for_ever())]

    async def watch(self) -> NoReturn:
        """Wait until a loop breaks, and raise what broke it."""
        await self.failed.wait()
        raise BusError("the consumer has stopped taking records") from self.error

    async def stop(self) -> None:
        """Take nothing more, give running jobs their grace time, hand the rest back, commit and leave."""
        self._draining = True
        self._wake.set()
        await drain(self._consumer, self._jobs, self._limits.drain_timeout)
        self.assignment.close()
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        await self._commit()
        await close(self._consumer)

    # taking

    async def _take_for_ever(self) -> None:
        errors = 0
        while not self._draining:
            try:
                await self._take_once()
                errors = 0
            except KafkaError as error:
                errors += 1
                log.warning("bus_poll_failed", extra={"error": repr(error), "in_a_row": errors})
                if errors >= MAX_ERRORS:
                    raise
                await asyncio.sleep(ERROR_PAUSE)

    async def _take_once(self) -> None:
        self._polled = time.monotonic()
        ready = self._ready()
        if not ready:
            await self._rest()
        elif self._free >= PLENTY * len(ready):
            # Half of what is free, so that a long backlog of one partition never takes all places at one go.
            self._dispatch(await self._poll(ready, self._free // 2))
        else:
            await self._take_in_turn(ready)

    async def _take_in_turn(self, ready: list[TopicPartition]) -> None:
        self._turn = (self._turn + 1) % len(ready)
        share = max(1, self._free // len(ready))
        taken = 0
        for tp in ready[self._turn :] + ready[: self._turn]:
            if self._free <= 0:
                return
            limit = min(share, self._free)
            taken += self._dispatch(await self._consumer.getmany(tp, timeout_ms=0, max_records=limit))
        if not taken:
            self._dispatch(await self._poll(ready, 1))

    async def _poll(
        self, ready: Sequence[TopicPartition], limit: int
    ) -> Mapping[TopicPartition, list[ConsumerRecord]]:
        wait = POLL_MS if len(ready) == len(self.assignment.partitions) else PARTIAL_POLL_MS
        records: Mapping[TopicPartition, list[ConsumerRecord]]
        records = await self._consumer.getmany(*ready, timeout_ms=wait, max_records=limit)
        return records

    async def _rest(self) -> None:
        self._wake.clear()
        if self._free <= 0:
            self.counts.pauses += 1
            self._observer.paused()
        try:
            async with asyncio.timeout(REST):
                await self._wake.wait()
        except TimeoutError:
            await self._consumer.getmany(KEEP_ALIVE, timeout_ms=0)

    @property
    def _free(self) -> int:
        return self._limits.max_jobs - len(self._jobs)

    def _ready(self) -> list[TopicPartition]:
        if self._free <= 0 or not self.assignment.is_settled:
            return []
        max_span = self._limits.max_span
        return [
            tp for tp, partition in self.assignment.partitions.items() if partition.tracker.span < max_span
        ]

    def _dispatch(self, batches: Mapping[TopicPartition, list[ConsumerRecord]]) -> int:
        """Give each record its task. There is no await between the take and here, so no rebalance either."""
        for tp, records in batches.items():
            if self._draining or not self.assignment.is_settled or tp not in self.assignment.partitions:
                self.assignment.put_back(tp, records[0].offset)
                continue
            for record in records:
                self._admit(tp, record)
        return len(batches)

    def _admit(self, tp: TopicPartition, record: ConsumerRecord) -> None:
        partition = self.assignment.partitions[tp]
        if partition.tracker.has_passed(record.offset):
            # Every assignment seeks to `next`, so only a reset goes back: the log is shorter than it was.
            partition = self.assignment.restart(tp)
        if not partition.tracker.admit(record.offset):
            self.counts.skipped += 1
            return
        job = asyncio.create_task(self._run(partition, record))
        self._jobs.add(job)
        partition.running[record.offset] = (job, time.monotonic())
        job.add_done_callback(lambda done: self._release(partition, record.offset, done))

    async def _run(self, partition: Partition, record: ConsumerRecord) -> None:
        await self._attempts.settle(lambda: record_of(record), lambda: self._handle(record))
        partition.tracker.finish(record.offset)
        self.counts.finished += 1

    def _release(self, partition: Partition, offset: int, job: asyncio.Task[None]) -> None:
        self._jobs.discard(job)
        partition.running.pop(offset, None)
        self._wake.set()
        if job.cancelled():
            self.counts.handed_back += 1
        elif error := job.exception():
            self._fail(error)

    # committing

    async def _commit_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self._limits.commit_every)
            await self._commit()
            self._tell_backlog()
            check_driver(self._consumer)

    async def _commit(self) -> None:
        await self._commits.commit(self.assignment)

    def _tell_backlog(self) -> None:
        for at in self.progress():
            self._observer.backlog(at.topic, at.partition, at.backlog)

    # ending

    def _own(self, loop: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(loop)
        task.add_done_callback(self._on_loop_end)
        return task

    def _on_loop_end(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        log.critical("bus_consumer_failed", extra={"error": repr(error)}, exc_info=error)
        self.error = self.error or error
        self.failed.set()
