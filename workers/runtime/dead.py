"""Puts records aside that no attempt could finish: the record as it was, and in its headers why."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Protocol

from contracts.errors import ApiError, ErrorCode, ErrorDetail
from contracts.headers import DeadReason, Header
from contracts.topics import Topic, dead_topic
from infra.bus.errors import Exhausted, Poison
from infra.bus.record import Record
from infra.telemetry.worker_metrics import WorkerMetrics

MAX_ERROR = 4_096
"""Characters of the error that are kept."""
AGAIN_AND_AGAIN = "The server failed at this job again and again; it is kept for inspection"
"""What a caller is told of an error that says nothing to strangers."""
Place = tuple[str, int, int]
"""Topic, partition and offset of a record."""


class DeadProducer(Protocol):
    """The bus, as dead letters need it."""

    async def send(self, topic: Topic, key: bytes, value: bytes, headers: Mapping[str, str]) -> None:
        """Produce, and return when the record is durable. Raises BusError."""


class Mourner(Protocol):
    """Tells whoever waits that a record is dead."""

    async def on_dead(self, record: Record, error: ErrorDetail) -> None:
        """End the record's job, if it names one."""


class DeadLetters:
    """Writes dead letters for the topics of one worker."""

    def __init__(
        self,
        topics: Sequence[Topic],
        producer: DeadProducer,
        mourner: Mourner,
        worker: str,
        metrics: WorkerMetrics,
    ) -> None:
        self._dead = {topic.name: dead_topic(topic) for topic in topics}
        self._producer = producer
        self._mourner = mourner
        self._worker = worker
        self._metrics = metrics
        self._written: set[Place] = set()
        """Letters whose jobs could not be ended yet: the burial is tried again, the letter stands."""

    async def bury(self, record: Record, error: BaseException, attempts: int) -> None:
        """Write the dead letter, then end the job for its caller. Raises BusError."""
        place = (record.topic, record.partition, record.offset)
        if place not in self._written:
            await self._write(record, error, attempts)
            self._written.add(place)
        await self._mourner.on_dead(record, _told(error))
        self._written.discard(place)

    async def _write(self, record: Record, error: BaseException, attempts: int) -> None:
        reason = DeadReason.POISON if isinstance(error, Poison) else DeadReason.ATTEMPTS_EXHAUSTED
        headers = {
            **record.headers,
            Header.DEAD_REASON: reason,
            Header.DEAD_ERROR: _words_of(error)[:MAX_ERROR],
            Header.DEAD_ATTEMPTS: str(attempts),
            Header.DEAD_ORIGIN: f"{record.topic}/{record.partition}/{record.offset}",
            Header.DEAD_WORKER: self._worker,
            Header.DEAD_AT: datetime.now(UTC).isoformat(),
        }
        await self._producer.send(self._dead[record.topic], record.key or b"", record.value, headers)
        self._metrics.buried(record.topic, reason)


def _told(error: BaseException) -> ErrorDetail:
    """What the job's caller is told."""
    if isinstance(error, Exhausted):
        return error.detail
    return ApiError(ErrorCode.INTERNAL, AGAIN_AND_AGAIN).detail


def _words_of(error: BaseException) -> str:
    """The class and the message of the last error."""
    if isinstance(error, Exhausted):
        if error.__cause__ is not None:
            return _words_of(error.__cause__)
        return f"{error.detail.code}: {error.detail.message}"
    return f"{type(error).__name__}: {error}"
