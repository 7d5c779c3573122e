"""Takes records from a job topic and brings each job to exactly one terminal event.

    record ─▶ envelope ─▶ claim ─▶ work ─▶ frames in the log ─▶ terminal event ─▶ record done
                │           │        │
                │           │        ├─ ApiError: an error frame, Failed or Cancelled
                │           │        └─ TryLater: a patient job goes to a retry topic
                │           └─ the log is closed already: its end is told again, and the record is done
                └─ not an envelope: Poison, to the dead letters at once

An attempt that finds itself stale stops without a word: its successor speaks. Its record is not done by that,
for the successor may die: it waits like any other delivery, and is done when the log is closed. So it is with
one that could not write for long, as Redis was away. An attempt that is cancelled (the process drains) hands
the job back, and another worker goes on with it.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Any, Generic

from contracts.envelope import Envelope, JobT
from contracts.errors import ApiError, ErrorCode, ErrorDetail
from contracts.events import Ending, Failure
from contracts.frames import FrameKind, attempt_of, payload_of
from contracts.headers import Header
from infra.bus.errors import Exhausted, Poison
from infra.bus.record import Record
from infra.failpoints import Moment
from infra.relay.claims import Claim
from infra.relay.job_log import LogLost, StaleAttempt
from infra.relay.redis import RelayDown
from infra.telemetry.names import KAFKA, Attribute, Operation
from infra.telemetry.spans import Span, SpanKind
from workers.runtime.attempt import Attempt, JobLog, TryLater, Work
from workers.runtime.brittle import brittle
from workers.runtime.claiming import claim_job
from workers.runtime.ledger import Ledger
from workers.runtime.means import Means, Taken
from workers.runtime.reading import Reading
from workers.runtime.running import Running, cancelled, too_late

LOST = "lost"
"""How an attempt ends that another must follow: an exception, or a partition or process that goes."""
STALE = "stale"
"""How it ends when another worker has the job."""
UNWRITTEN = "unwritten"
"""How it ends when Redis was away for longer than a write is tried."""
AGAIN = (STALE, UNWRITTEN)
"""Nobody was told of an end: the job is taken again, as soon as it can be."""
POSTPONED = "postponed"
REDELIVERED = "redelivered"
"""Why an attempt follows another, in metrics: an earlier one did not end."""

log = logging.getLogger(__name__)


class JobRunner(Generic[JobT]):
    """Runs one kind of job."""

    def __init__(self, work: Work[JobT], reading: Reading[JobT], means: Means) -> None:
        self.running = Running()
        """The attempts that run now."""
        self._work = work
        self._reading = reading
        self._means = means

    async def on_record(self, record: Record) -> None:
        """Do the job of one record.

        Raises Poison for what is no job, Exhausted for one that was tried often enough, RelayDown when Redis
        is away and BusError when Kafka is.
        """
        envelope = self._reading.read(record)
        while (outcome := await self._once(record, envelope)) in AGAIN:
            log.info("job_taken_again", extra={"job_id": envelope.job_id, "outcome": outcome})
        self._means.failpoints.hit(Moment.DONE)

    async def on_dead(self, record: Record, error: ErrorDetail) -> None:
        """No attempt could finish a record: tell whoever waits, if the record says who that is."""
        try:
            envelope = self._reading.read_any(record)
        except Poison:
            return
        try:
            taken = await self._take(record, envelope)
        except RelayDown:  # nobody can be told, but the ledger
            traceparent = record.headers.get(Header.TRACEPARENT, "")
            ledger = Ledger(self._means.producer, envelope, traceparent)
            await ledger.failed(0, error, None)
            await ledger.told_response()
            return
        if not taken.claim.is_over:
            async with self._open(taken, await self._delivered(taken)) as job_log:
                attempt = self._attempt_of(taken, job_log, 0.0, ())
                outcome = await self._fail(attempt, taken, error, is_kept=True)
            if outcome == UNWRITTEN:
                await taken.ledger.failed(taken.claim.attempt, error, None)
            self._means.claims.end(envelope.job_id)
        taken.span.end(error.code)

    async def _once(self, record: Record, envelope: Envelope[JobT]) -> str | None:
        """One attempt, or the word that the job is over; what it failed with, if it did."""
        taken = await self._take(record, envelope)
        failure: str | None = ErrorCode.INTERNAL
        try:
            failure = await (self._retell(taken) if taken.claim.is_over else self._attempt(taken))
        finally:
            taken.span.end(failure)
        return failure

    async def _take(self, record: Record, envelope: Envelope[JobT]) -> Taken[JobT]:
        redrive = record.headers.get(Header.REDRIVE, "")
        claim, past = await claim_job(
            self._means.claims, self._means.memory, envelope, int(redrive) if redrive.isdecimal() else 0
        )
        span = self._span(record, envelope, claim)
        return Taken(
            record, envelope, claim, past, span, Ledger(self._means.producer, envelope, span.traceparent)
        )

    async def _retell(self, taken: Taken[JobT]) -> None:
        """The worker that ended the job may have died before it said so."""
        last = taken.claim.last
        log.info("job_already_over", extra={"job_id": taken.envelope.job_id, "attempt": attempt_of(last)})
        end = await self._end_of(taken, last)
        await taken.ledger.ended(attempt_of(last), end)
        await self._settle(taken)

    async def _end_of(self, taken: Taken[JobT], last: bytes) -> Ending | Failure:
        if last[0] == FrameKind.ERROR:
            return Failure.model_validate_json(payload_of(last))
        return await self._work.ending_of(taken.envelope, last)

    async def _delivered(self, taken: Taken[JobT]) -> list[bytes]:
        """What lost attempts left in the log. Raises RelayDown."""
        if not taken.claim.frames:
            return []
        return (await self._means.shown.whole(taken.envelope.job_id))[: taken.claim.frames]

    def _open(self, taken: Taken[JobT], delivered: Sequence[bytes]) -> AbstractAsyncContextManager[JobLog]:
        envelope, claim = taken.envelope, taken.claim
        return self._means.logs.open(
            envelope.job_id, claim.attempt, envelope.reply_to, first_seq=claim.frames, kept=delivered
        )

    async def _attempt(self, taken: Taken[JobT]) -> str | None:
        """Run one attempt to its end; what it failed with, if it did."""
        envelope, metrics = taken.envelope, self._means.metrics
        started = time.monotonic()
        metrics.claimed(envelope.kind, envelope.lane, (datetime.now(UTC) - envelope.asked_at).total_seconds())
        if taken.claim.attempt > 1:
            metrics.retried(envelope.kind, REDELIVERED)
        outcome: str | None = LOST
        try:
            delivered = await self._delivered(taken)
            async with self._open(taken, delivered) as job_log:
                outcome = await self._run(taken, brittle(job_log, self._means.failpoints), delivered)
        finally:
            if outcome in (LOST, POSTPONED, UNWRITTEN):
                await self._means.claims.release(envelope.job_id)
            else:
                self._means.claims.end(envelope.job_id)
            seconds = time.monotonic() - started
            metrics.ended(envelope.kind, outcome or "finished", seconds)
            _log_end(taken, outcome, seconds)
        return outcome

    async def _run(self, taken: Taken[JobT], job_log: JobLog, delivered: Sequence[bytes]) -> str | None:
        left = (taken.envelope.deadline - datetime.now(UTC)).total_seconds()
        attempt = self._attempt_of(taken, job_log, left, delivered)
        taken.ledger.claimed(attempt.number, self._means.worker, taken.claim.frames)
        self._means.failpoints.hit(Moment.CLAIMED)
        try:
            ending = await self._work_in_time(attempt, taken, left)
        except ApiError as error:
            return await self._fail(attempt, taken, error.detail)
        except TryLater as later:
            return await self._try_later(attempt, taken, later)
        except (StaleAttempt, RelayDown) as gone:
            return STALE if isinstance(gone, StaleAttempt) else UNWRITTEN
        except LogLost as error:
            return await self._lose(attempt, taken, error)
        except asyncio.CancelledError:
            taken.ledger.handed_back(attempt.number)
            raise
        self._means.failpoints.hit(Moment.CLOSED)
        await taken.ledger.finished(attempt.number, ending)
        await self._settle(taken)
        return None

    def _attempt_of(
        self, taken: Taken[JobT], job_log: JobLog, left: float, delivered: Sequence[bytes]
    ) -> Attempt[JobT]:
        deadline = asyncio.get_running_loop().time() + left
        number, ledger = taken.claim.attempt, taken.ledger
        on_first = (lambda: None) if taken.claim.frames else (lambda: ledger.first_frame(number))
        return Attempt(taken.envelope, job_log, taken.span, deadline, on_first, delivered)

    async def _work_in_time(self, attempt: Attempt[JobT], taken: Taken[JobT], left: float) -> Ending:
        claim = taken.claim
        if claim.is_cancelled:
            raise cancelled()
        if left <= 0:
            raise too_late()
        if claim.lost >= self._means.settings.max_lost:
            message = f"{claim.lost} workers were lost at this job; it is kept for inspection"
            raise Exhausted(ApiError(ErrorCode.ATTEMPTS_EXHAUSTED, message).detail, claim.lost)
        if taken.past.was_visible and not claim.frames:
            raise worker_lost()
        async with self.running.within(attempt.envelope.job_id, left):
            ending = await self._work.run(attempt)
        await attempt.flushed()
        return ending

    async def _try_later(self, attempt: Attempt[JobT], taken: Taken[JobT], later: TryLater) -> str | None:
        """To a retry topic where nobody waits at a connection, else the error as it is."""
        if not taken.envelope.patient:
            return await self._fail(attempt, taken, later.detail)
        until = await self._means.postponer.postpone(taken.record, taken.envelope, later.detail, later.after)
        if until is None:
            raise Exhausted(later.detail, attempt.number)
        await taken.ledger.postponed(attempt.number, later.detail, until)
        self._means.metrics.retried(taken.envelope.kind, POSTPONED)
        return POSTPONED

    async def _fail(
        self, attempt: Attempt[JobT], taken: Taken[JobT], error: ErrorDetail, *, is_kept: bool = False
    ) -> str | None:
        """End a job badly. `is_kept`: its record is put aside and may come back, with what belongs to it."""
        failure = Failure(**{**dict(error), "usage": attempt.usage})
        try:
            attempt.send(FrameKind.ERROR, failure.model_dump_json().encode())
            await attempt.flushed()
        except StaleAttempt:
            return STALE
        except RelayDown as down:
            return await self._lose(attempt, taken, down) if taken.envelope.is_expired() else UNWRITTEN
        except LogLost as lost:
            return await self._lose(attempt, taken, lost)
        self._means.failpoints.hit(Moment.CLOSED)
        await taken.ledger.ended(attempt.number, failure)
        await self._settle(taken, is_kept=is_kept)
        return error.code or "failed"

    async def _lose(self, attempt: Attempt[JobT], taken: Taken[JobT], lost: Exception) -> str:
        """The log cannot be ended: the waiting edge ends its stream by itself, the ledger learns why."""
        log.warning("log_lost", extra={"job_id": taken.envelope.job_id, "error": str(lost)})
        detail = ApiError(ErrorCode.STREAM_LOST, "The answer was lost on its way; ask again").detail
        await taken.ledger.failed(attempt.number, detail, attempt.usage)
        await self._work.forget(taken.envelope)
        await taken.ledger.told_response()
        return ErrorCode.STREAM_LOST

    async def _settle(self, taken: Taken[JobT], *, is_kept: bool = False) -> None:
        """The job has ended, and that is told: keep what may be asked for again, forget the rest."""
        self._means.failpoints.hit(Moment.TOLD)
        if taken.envelope.idempotency_key is not None:
            await self._means.results.keep(taken.envelope)
        if not is_kept:
            await self._work.forget(taken.envelope)
        await taken.ledger.told_response()

    def _span(self, record: Record, envelope: Envelope[JobT], claim: Claim) -> Span:
        return self._means.tracing.start(
            Operation.PROCESS.span(record.topic),
            SpanKind.CONSUMER,
            record.headers.get(Header.TRACEPARENT),
            {
                Attribute.MESSAGING_SYSTEM: KAFKA,
                Attribute.MESSAGING_DESTINATION: record.topic,
                Attribute.MESSAGING_PARTITION: str(record.partition),
                Attribute.KAFKA_OFFSET: record.offset,
                Attribute.JOB_ID: envelope.job_id,
                Attribute.JOB_ATTEMPT: claim.attempt,
            },
            record.headers.get(Header.TRACESTATE),
        )


def worker_lost() -> ApiError:
    """A part of the answer was shown, and nobody can go on with it."""
    return ApiError(ErrorCode.WORKER_LOST, "The worker was lost in the middle of the answer; ask again")


def _log_end(taken: Taken[Any], outcome: str | None, seconds: float) -> None:
    envelope = taken.envelope
    log.info(
        "job_finished" if outcome is None else "job_failed",
        extra={
            "job_id": envelope.job_id,
            "request_id": envelope.request_id,
            "trace_id": taken.span.trace_id,
            "kind": envelope.kind,
            "lane": envelope.lane.value,
            "attempt": taken.claim.attempt,
            "outcome": outcome or "finished",
            "seconds": round(seconds, 4),
        },
    )
