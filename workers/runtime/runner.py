"""Takes records from a job topic and brings each job to exactly one terminal event.

    record ─▶ envelope ─▶ claim ─▶ work ─▶ frames in the log ─▶ terminal event ─▶ record done
                │           │        │
                │           │        └─ ApiError: an error frame, Failed or Cancelled
                │           └─ the log is closed already: nothing to do
                └─ not an envelope: Poison, to the dead letters at once

An attempt that finds itself stale stops without a word: its successor speaks. One that is cancelled (the
partition moved, the process drains) leaves the record undone, and another worker takes it.
"""

import asyncio
import logging
import time
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Generic, Protocol

from pydantic import TypeAdapter, ValidationError

from contracts.envelope import Envelope, JobT
from contracts.errors import ApiError, ErrorCode, ErrorDetail
from contracts.events import Ending
from contracts.frames import FrameKind
from infra.bus.errors import Poison
from infra.bus.record import Record
from infra.relay.claims import Claim
from infra.relay.redis import RelayDown
from infra.relay.writer import LogLost, StaleAttempt
from infra.telemetry.names import KAFKA, Attribute, Operation
from infra.telemetry.spans import Span, SpanKind, Tracing
from infra.telemetry.worker_metrics import WorkerMetrics
from workers.runtime.attempt import Attempt, JobLog, Work
from workers.runtime.ledger import EventProducer, Ledger
from workers.runtime.running import Running, cancelled, too_late

CLAIM_RETRY_SECONDS = 0.5
LOST = "lost"
"""How an attempt ends that another must follow: an exception, or a partition or process that goes."""
REDELIVERED = "redelivered"
"""Why an attempt follows another, in metrics: an earlier one did not end."""

log = logging.getLogger(__name__)


class Claims(Protocol):
    """Hands out attempts."""

    async def take(self, job_id: str) -> Claim:
        """Begin an attempt, unless the job is over or held by another worker. Raises RelayDown."""

    def end(self, job_id: str) -> None:
        """The job's log is closed."""

    async def release(self, job_id: str) -> None:
        """Let another worker have the job at once."""


class Logs(Protocol):
    """Opens the logs of jobs."""

    def open(
        self, job_id: str, attempt: int, reply_to: str | None, *, first_seq: int = 0
    ) -> AbstractAsyncContextManager[JobLog]:
        """The log of one attempt."""


class JobRunner(Generic[JobT]):
    """Runs one kind of job."""

    def __init__(  # noqa: PLR0913  what every job needs, once for each process
        self,
        work: Work[JobT],
        payload: TypeAdapter[Envelope[JobT]],
        *,
        worker: str,
        claims: Claims,
        logs: Logs,
        producer: EventProducer,
        metrics: WorkerMetrics,
        tracing: Tracing,
    ) -> None:
        self.running = Running()
        """The attempts that run now, where they can be stopped."""
        self._work = work
        self._payload = payload
        self._worker = worker
        self._claims = claims
        self._logs = logs
        self._producer = producer
        self._metrics = metrics
        self._tracing = tracing

    async def on_record(self, record: Record) -> None:
        """Do the job of one record. Raises Poison for what is no job, RelayDown when Redis is away."""
        envelope = self._read(record)
        claim = await self._claim(envelope)
        if claim.is_over:
            log.info("job_already_over", extra={"job_id": envelope.job_id, "attempt": claim.attempt})
            return
        span = self._span(record, envelope, claim)
        failure: str | None = ErrorCode.INTERNAL
        try:
            failure = await self._attempt(envelope, claim, span)
        finally:
            span.end(failure)

    async def on_dead(self, record: Record, error: ErrorDetail) -> None:
        """No attempt could finish a record: tell whoever waits, if the record says who that is."""
        try:
            envelope = self._read(record)
        except Poison:
            return
        claim = await self._claim(envelope)
        if claim.is_over:
            return
        span = self._span(record, envelope, claim)
        async with self._open(envelope, claim) as job_log:
            attempt = Attempt(envelope, job_log, span, 0.0, _nothing)
            await self._fail(attempt, Ledger(self._producer, envelope, span.traceparent), error)
        self._claims.end(envelope.job_id)
        span.end(error.code)

    def _read(self, record: Record) -> Envelope[JobT]:
        try:
            return self._payload.validate_json(record.value or b"")
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise Poison(f"not an envelope of this topic: {where}: {first['msg']}") from error

    async def _claim(self, envelope: Envelope[JobT]) -> Claim:
        """An attempt, or the word that the job is over.

        Waited for while another worker holds the job; and, until the deadline, while Redis is away. Raises
        RelayDown.
        """
        while True:
            try:
                claim = await self._claims.take(envelope.job_id)
            except RelayDown as error:
                if envelope.is_expired():
                    raise
                log.warning("claim_waits", extra={"job_id": envelope.job_id, "error": str(error)})
            else:
                if not claim.held_for:
                    return claim
            await asyncio.sleep(CLAIM_RETRY_SECONDS)

    def _open(self, envelope: Envelope[JobT], claim: Claim) -> AbstractAsyncContextManager[JobLog]:
        return self._logs.open(envelope.job_id, claim.attempt, envelope.reply_to, first_seq=claim.frames)

    async def _attempt(self, envelope: Envelope[JobT], claim: Claim, span: Span) -> str | None:
        """Run one attempt to its end; what it failed with, if it did."""
        started = time.monotonic()
        waited = (datetime.now(UTC) - envelope.asked_at).total_seconds()
        self._metrics.claimed(envelope.kind, envelope.lane, waited)
        if claim.attempt > 1:
            self._metrics.retried(envelope.kind, REDELIVERED)
        outcome: str | None = LOST
        try:
            async with self._open(envelope, claim) as job_log:
                outcome = await self._run(envelope, claim, job_log, span)
        finally:
            if outcome == LOST:
                await self._claims.release(envelope.job_id)
            else:
                self._claims.end(envelope.job_id)
            seconds = time.monotonic() - started
            self._metrics.ended(envelope.kind, outcome or "finished", seconds)
            self._log_end(envelope, claim, outcome, seconds, span)
        return outcome

    async def _run(self, envelope: Envelope[JobT], claim: Claim, job_log: JobLog, span: Span) -> str | None:
        left = (envelope.deadline - datetime.now(UTC)).total_seconds()
        ledger = Ledger(self._producer, envelope, span.traceparent)
        attempt = Attempt(
            envelope,
            job_log,
            span,
            asyncio.get_running_loop().time() + left,
            lambda: ledger.first_frame(claim.attempt),
        )
        ledger.claimed(claim.attempt, self._worker)
        try:
            ending = await self._work_in_time(attempt, claim, left)
        except ApiError as error:
            return await self._fail(attempt, ledger, error.detail)
        except StaleAttempt:
            return "stale"
        except (LogLost, RelayDown) as error:
            return await self._lose(attempt, ledger, error)
        await ledger.finished(claim.attempt, ending)
        await self._work.forget(envelope)
        return None

    async def _work_in_time(self, attempt: Attempt[JobT], claim: Claim, left: float) -> Ending:
        if claim.frames:
            raise ApiError(
                ErrorCode.WORKER_LOST, "The worker was lost in the middle of the answer; ask again"
            )
        if claim.is_cancelled:
            raise cancelled()
        if left <= 0:
            raise too_late()
        async with self.running.within(attempt.envelope.job_id, left):
            ending = await self._work.run(attempt)
        await attempt.flushed()
        return ending

    async def _fail(self, attempt: Attempt[JobT], ledger: Ledger, error: ErrorDetail) -> str | None:
        try:
            attempt.send(FrameKind.ERROR, error.model_dump_json().encode())
            await attempt.flushed()
        except StaleAttempt:
            return "stale"
        except (LogLost, RelayDown) as lost:
            return await self._lose(attempt, ledger, lost)
        if error.code == ErrorCode.CANCELLED:
            await ledger.cancelled(attempt.number, attempt.usage)
        else:
            await ledger.failed(attempt.number, error, attempt.usage)
        await self._work.forget(attempt.envelope)
        return error.code or "failed"

    async def _lose(self, attempt: Attempt[JobT], ledger: Ledger, lost: Exception) -> str:
        """The log cannot be written: the waiting edge ends its stream by itself, the ledger learns why."""
        log.warning("log_lost", extra={"job_id": attempt.envelope.job_id, "error": str(lost)})
        detail = ApiError(ErrorCode.STREAM_LOST, "The answer was lost on its way; ask again").detail
        await ledger.failed(attempt.number, detail, attempt.usage)
        await self._work.forget(attempt.envelope)
        return ErrorCode.STREAM_LOST

    def _span(self, record: Record, envelope: Envelope[JobT], claim: Claim) -> Span:
        return self._tracing.start(
            Operation.PROCESS.span(record.topic),
            SpanKind.CONSUMER,
            record.headers.get("traceparent"),
            {
                Attribute.MESSAGING_SYSTEM: KAFKA,
                Attribute.MESSAGING_DESTINATION: record.topic,
                Attribute.MESSAGING_PARTITION: str(record.partition),
                Attribute.KAFKA_OFFSET: record.offset,
                Attribute.JOB_ID: envelope.job_id,
                Attribute.JOB_ATTEMPT: claim.attempt,
            },
            record.headers.get("tracestate"),
        )

    def _log_end(
        self, envelope: Envelope[JobT], claim: Claim, outcome: str | None, seconds: float, span: Span
    ) -> None:
        log.info(
            "job_finished" if outcome is None else "job_failed",
            extra={
                "job_id": envelope.job_id,
                "request_id": envelope.request_id,
                "trace_id": span.trace_id,
                "kind": envelope.kind,
                "lane": envelope.lane.value,
                "attempt": claim.attempt,
                "outcome": outcome or "finished",
                "seconds": round(seconds, 4),
            },
        )


def _nothing() -> None:
    """For an attempt that only ends: its first frame is no output."""
