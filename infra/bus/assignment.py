"""Which partitions are ours, and how far each is, through every rebalance.

aiokafka rebalances eagerly: all partitions are taken away and given anew each time. Running jobs do not
notice. When the new assignment comes, a partition that stays keeps its tracker and goes on where
dispatch stopped; a new one starts from what its former owner committed; a lost one is set aside with its
running jobs, and revived if it comes back in time. Between revocation and assignment nothing is
dispatched and nothing is committed (a commit then would make aiokafka join again).
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError
from aiokafka.structs import OffsetAndMetadata

from infra.bus.offsets import Tracker, decode_done
from infra.bus.progress import ConsumerObserver, Counts, PartitionProgress

REVOKE_COMMIT_LIMIT = 3.0
"""Seconds for the last commit of a generation: well within the rebalance timeout, to join again in time."""
COMMITTED_LIMIT = 10.0
"""Seconds for one try to read the committed offsets; without them nothing may run, so it is tried again."""
RETRY_PAUSE = 0.5

log = logging.getLogger(__name__)


class Partition:
    """One assigned partition: its tracker, and the tasks of its running jobs with their start."""

    __slots__ = ("running", "tracker")

    def __init__(self, tracker: Tracker) -> None:
        self.tracker = tracker
        self.running: dict[int, tuple[asyncio.Task[None], float]] = {}

    def age(self) -> float:
        """Seconds since the record that holds the base began."""
        head = self.tracker.head
        begun = self.running.get(head) if head is not None else None
        return time.monotonic() - begun[1] if begun else 0.0


class Assignment(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is untyped
    """The partitions of one consumer."""

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        *,
        commit: Callable[[], Awaitable[None]],
        on_change: Callable[[], None],
        counts: Counts,
        observer: ConsumerObserver,
        cancel_lost: bool,
    ) -> None:
        self.partitions: dict[TopicPartition, Partition] = {}
        self.is_settled = False
        """False from a revocation until the next assignment is complete."""
        self._aside: dict[TopicPartition, Partition] = {}
        self._consumer = consumer
        self._commit = commit
        self._on_change = on_change
        self._counts = counts
        self._observer = observer
        self._cancel_lost = cancel_lost
        self._closed = False

    def close(self) -> None:
        """Stop trying to read committed offsets."""
        self._closed = True

    def restart(self, tp: TopicPartition) -> Partition:
        """Forget what was known of a partition, since its log began anew."""
        self._counts.restarts += 1
        log.warning("bus_log_restarted", extra={"topic": tp.topic, "partition": tp.partition})
        partition = self.partitions[tp] = Partition(Tracker())
        return partition

    def put_back(self, tp: TopicPartition, offset: int) -> None:
        """Give a record back that cannot run now: the next fetch brings it again."""
        try:
            self._consumer.seek(tp, offset)
        except IllegalStateError:
            log.debug("bus_put_back_unassigned", extra={"topic": tp.topic, "partition": tp.partition})

    def progress(self) -> list[PartitionProgress]:
        """Every assigned partition at this moment."""
        return [self._progress_of(tp, partition) for tp, partition in self.partitions.items()]

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Commit with the old generation, then hold still."""
        try:
            async with asyncio.timeout(REVOKE_COMMIT_LIMIT):
                await self._commit()
        except TimeoutError:
            log.warning("bus_commit_before_rebalance_timed_out", extra={"partitions": len(list(revoked))})
        self.is_settled = False

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Keep, take over and set aside, then go on."""
        ours = set(assigned)
        committed = await self._committed(ours)
        for tp in set(self.partitions) - ours:
            self._lose(tp)
        for tp in ours:
            self._take(tp, committed.get(tp))
        self._aside = {tp: partition for tp, partition in self._aside.items() if partition.running}
        self._counts.rebalances += 1
        self._observer.rebalanced()
        self.is_settled = True
        self._on_change()

    async def _committed(self, partitions: set[TopicPartition]) -> Mapping[TopicPartition, OffsetAndMetadata]:
        # The public `committed()` drops the metadata, and the admin client would be a second connection.
        coordinator = self._consumer._coordinator  # noqa: SLF001
        while partitions and not self._closed:
            try:
                async with asyncio.timeout(COMMITTED_LIMIT):
                    offsets: Mapping[TopicPartition, OffsetAndMetadata]
                    offsets = await coordinator.fetch_committed_offsets(list(partitions))
                    return offsets
            except (KafkaError, TimeoutError) as error:
                log.warning("bus_committed_offsets_unreadable", extra={"error": repr(error)})
                await asyncio.sleep(RETRY_PAUSE)
        return {}

    def _lose(self, tp: TopicPartition) -> None:
        partition = self._aside[tp] = self.partitions.pop(tp)
        self._counts.lost += len(partition.running)
        self._observer.partition_lost(tp.topic, tp.partition)
        if self._cancel_lost:
            for task, _ in partition.running.values():
                task.cancel()

    def _take(self, tp: TopicPartition, committed: OffsetAndMetadata | None) -> None:
        known = self.partitions.get(tp) or self._aside.pop(tp, None)
        base = committed.offset if committed and committed.offset >= 0 else None
        done = decode_done(base, committed.metadata) if committed and base is not None else set()
        if known is None or known.tracker.base is None or (base is not None and base > known.tracker.next):
            self.partitions[tp] = Partition(Tracker(base, done))
            return
        if base is not None:
            known.tracker.learn(base, done)
        known.tracker.touch()
        self.partitions[tp] = known
        self.put_back(tp, known.tracker.next)

    def _progress_of(self, tp: TopicPartition, partition: Partition) -> PartitionProgress:
        tracker = partition.tracker
        return PartitionProgress(
            topic=tp.topic,
            partition=tp.partition,
            base=tracker.base,
            span=tracker.span,
            in_flight=len(partition.running),
            backlog=self._end(tp, tracker) - (tracker.base or 0) - tracker.finished_above,
            age=partition.age(),
        )

    def _end(self, tp: TopicPartition, tracker: Tracker) -> int:
        """The end of the log as the last fetch told, at least where dispatch is."""
        seen = self._consumer.highwater(tp) if tp in self._consumer.assignment() else None
        return max(seen or 0, tracker.next, tracker.base or 0)
