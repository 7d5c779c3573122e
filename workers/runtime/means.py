"""What a runner works with, and a job that it holds."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, Protocol

from contracts.envelope import Envelope, JobT
from contracts.errors import ErrorDetail
from infra.bus.record import Record
from infra.failpoints import Failpoints
from infra.relay.claims import Claim
from infra.settings import WorkerSettings
from infra.telemetry.spans import Span, Tracing
from infra.telemetry.worker_metrics import WorkerMetrics
from workers.runtime.attempt import JobLog
from workers.runtime.claiming import Claims, Memory, Past
from workers.runtime.ledger import EventProducer, Ledger


class Logs(Protocol):
    """Opens the logs of jobs."""

    def open(
        self,
        job_id: str,
        attempt: int,
        reply_to: str | None,
        *,
        first_seq: int = 0,
        kept: Sequence[bytes] = (),
    ) -> AbstractAsyncContextManager[JobLog]:
        """The log of one attempt, which goes on behind the frames that others left."""


class Shown(Protocol):
    """Reads the logs of jobs."""

    async def whole(self, job_id: str) -> list[bytes]:
        """All frames of a log. Raises RelayDown."""


class Results(Protocol):
    """Keeps the answers that may be asked for again, longer than the relay does."""

    async def keep(self, envelope: Envelope[Any]) -> None:
        """Keep the frames of an ended job, where its caller gave a key. Never raises."""


class Postponer(Protocol):
    """Sends records to the retry topics."""

    async def postpone(
        self, record: Record, envelope: Envelope[Any], error: ErrorDetail, after: float | None
    ) -> datetime | None:
        """Until when the record waits now; None when there is no further try. Raises BusError."""


@dataclass(frozen=True)
class Means:
    """What a runner works with, the same for every kind of job."""

    worker: str
    """Who claims."""
    settings: WorkerSettings
    claims: Claims
    memory: Memory
    logs: Logs
    shown: Shown
    results: Results
    postponer: Postponer
    producer: EventProducer
    metrics: WorkerMetrics
    tracing: Tracing
    failpoints: Failpoints = field(default_factory=Failpoints)


@dataclass(frozen=True)
class Taken(Generic[JobT]):
    """A job that is ours for one attempt."""

    record: Record
    envelope: Envelope[JobT]
    claim: Claim
    past: Past
    span: Span
    ledger: Ledger
