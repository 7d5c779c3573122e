"""Puts records aside that no attempt could finish: the record as it was, and in its headers why."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from contracts.errors import ApiError, ErrorCode, ErrorDetail
from contracts.topics import Topic, dead_topic
from infra.bus.errors import Poison
from infra.bus.record import Record
from infra.telemetry.worker_metrics import WorkerMetrics

MAX_REASON = 4_096
"""Characters of the error that are kept."""


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

    async def bury(self, record: Record, error: BaseException, attempts: int) -> None:
        """Write the dead letter, then end the job for its caller. Raises BusError."""
        reason = "poison" if isinstance(error, Poison) else "attempts_exhausted"
        headers = {
            **record.headers,
            "x-dead-reason": reason,
            "x-dead-error": f"{type(error).__name__}: {error}"[:MAX_REASON],
            "x-dead-attempts": str(attempts),
            "x-dead-origin": f"{record.topic}/{record.partition}/{record.offset}",
            "x-dead-worker": self._worker,
        }
        await self._producer.send(self._dead[record.topic], record.key or b"", record.value, headers)
        self._metrics.buried(record.topic, reason)
        message = "The server failed at this job again and again; it is kept for inspection"
        await self._mourner.on_dead(record, ApiError(ErrorCode.INTERNAL, message).detail)
