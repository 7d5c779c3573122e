"""Commits of a parallel consumer: for each partition the base, and in the metadata what finished above it."""

import asyncio
import logging

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError, OffsetMetadataTooLargeError

from infra.bus.assignment import Assignment, Partition
from infra.bus.offsets import METADATA_LIMIT, Mark
from infra.bus.progress import ConsumerObserver, Counts

COMMIT_LIMIT = 5.0
"""Seconds for one commit. aiokafka itself would try for ever; the next round tries again."""

log = logging.getLogger(__name__)


class Commits:
    """Writes the marks of all changed partitions in one request."""

    def __init__(self, consumer: AIOKafkaConsumer, counts: Counts, observer: ConsumerObserver) -> None:
        self._consumer = consumer
        self._counts = counts
        self._observer = observer
        self._lock = asyncio.Lock()
        self._metadata_limit = METADATA_LIMIT

    async def commit(self, assignment: Assignment) -> None:
        """Commit what changed, unless a rebalance is under way."""
        async with self._lock:
            if not assignment.is_settled:
                return
            changed = self._changed(assignment)
            if changed:
                await self._write(
                    {tp: p.tracker.mark(self._metadata_limit) for tp, p in changed.items()}, changed
                )

    def _changed(self, assignment: Assignment) -> dict[TopicPartition, Partition]:
        owned = self._consumer.assignment()
        return {tp: p for tp, p in assignment.partitions.items() if p.tracker.is_changed and tp in owned}

    async def _write(
        self, marks: dict[TopicPartition, Mark], partitions: dict[TopicPartition, Partition]
    ) -> None:
        try:
            async with asyncio.timeout(COMMIT_LIMIT):
                await self._consumer.commit(marks)
        except (CommitFailedError, IllegalStateError) as error:
            # The group has moved on; what we still own is committed again after the next assignment.
            self._refused("bus_commit_refused", error)
        except OffsetMetadataTooLargeError as error:
            self._metadata_limit //= 2
            self._refused("bus_commit_metadata_too_large", error)
            _touch(partitions)
        except (KafkaError, TimeoutError) as error:
            self._refused("bus_commit_failed", error)
            _touch(partitions)
        except asyncio.CancelledError:
            _touch(partitions)
            raise
        else:
            self._counts.commits += 1
            self._observer.committed()

    def _refused(self, event: str, error: BaseException) -> None:
        self._counts.commits_refused += 1
        self._observer.commit_refused()
        log.warning(event, extra={"error": repr(error)})


def _touch(partitions: dict[TopicPartition, Partition]) -> None:
    for partition in partitions.values():
        partition.tracker.touch()
