"""Does completion jobs: takes the body, calls the provider, and sends what core makes of the answer.

A call that failed before anything was shown is made again (`tries`). What lost attempts showed is gone on
with, where that can be done (`core.continuation`). Usage is counted once: that of the try that was seen, else
of the last one.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from pydantic_core import from_json

from contracts.envelope import Envelope
from contracts.errors import ApiError, ErrorCode, ErrorDetail, ErrorType
from contracts.events import Ending
from contracts.frames import FrameKind, payload_of
from contracts.jobs import CompletionJob
from infra.settings import ProviderSettings
from infra.telemetry.names import Attribute, Operation
from infra.telemetry.spans import Span, SpanKind, Tracing
from infra.telemetry.worker_metrics import WorkerMetrics
from workers.completion.call import Call, Question
from workers.completion.core import (
    Complete,
    Continue,
    Lost,
    MayPass,
    Provider,
    choices_of,
    ending_of,
    gone_on,
    upstream_body,
    wants_usage,
)
from workers.completion.tries import open_tries
from workers.runtime.attempt import Attempt, TryLater
from workers.runtime.runner import worker_lost

CompletionAttempt = Attempt[CompletionJob]
REFUSED = frozenset({ErrorType.INVALID_REQUEST, ErrorType.NOT_FOUND})

log = logging.getLogger(__name__)


class Payloads(Protocol):
    """Where payloads wait that are too large for a record."""

    async def get(self, key: str) -> bytes:
        """Read an object. Raises ApiError."""

    async def delete(self, key: str) -> None:
        """Delete an object, if it is there. Raises ApiError."""


class CompletionWork:
    """The work of this room, for one provider."""

    def __init__(
        self,
        provider: Provider,
        settings: ProviderSettings,
        payloads: Payloads,
        metrics: WorkerMetrics,
        tracing: Tracing,
    ) -> None:
        self._provider = provider
        self._settings = settings
        self._payloads = payloads
        self._metrics = metrics
        self._tracing = tracing
        self._tries = open_tries(settings)

    async def run(self, attempt: CompletionAttempt) -> Ending:
        """Complete one chat. Raises ApiError with the provider's failure, TryLater with one that may pass."""
        body = await self._body(attempt.envelope.job)
        ending = await self._follow(attempt, self._plan(attempt, body))
        self._count(attempt.envelope.job, ending)
        return ending

    def ending_of(self, last: bytes) -> Ending:
        """What the last frame of a job that ended well tells of its end."""
        return ending_of(last)

    async def forget(self, envelope: Envelope[CompletionJob]) -> None:
        """Delete the payload behind the claim check; a failure leaves it to the bucket's expiry."""
        if envelope.job.body_ref is None:
            return
        try:
            await self._payloads.delete(envelope.job.body_ref.key)
        except ApiError as error:
            log.warning("payload_left", extra={"job_id": envelope.job_id, "error": str(error)})

    async def _body(self, job: CompletionJob) -> dict[str, Any]:  # the provider's contract, open by nature
        if job.body is not None:
            return job.body
        if job.body_ref is None:
            raise ApiError(ErrorCode.INTERNAL, "The job carries no request")
        body: dict[str, Any] = from_json(await self._payloads.get(job.body_ref.key))
        return body

    def _plan(
        self,
        attempt: CompletionAttempt,
        body: dict[str, Any],  # as above
    ) -> Continue | Complete | Lost:
        if not attempt.delivered:
            return Continue(body)
        return gone_on([payload_of(raw) for raw in attempt.delivered], body, self._settings.prefill)

    async def _follow(self, attempt: CompletionAttempt, plan: Continue | Complete | Lost) -> Ending:
        match plan:
            case Continue():
                return await self._traced(attempt, plan)
            case Complete(ending, chunks):
                for payload in chunks:
                    attempt.send(FrameKind.CHUNK, payload)
                attempt.send(FrameKind.END, ending.model_dump_json().encode())
                return ending
            case Lost(usage):
                attempt.usage = usage
                raise worker_lost()

    async def _traced(self, attempt: CompletionAttempt, plan: Continue) -> Ending:
        span = self._span(attempt)
        failure: str | None = ErrorCode.CANCELLED
        try:
            ending = await self._call(attempt, plan, span.traceparent)
            _tell(span, ending)
            failure = None
        except (ApiError, TryLater) as error:
            failure = error.detail.code
            self._failed(error.detail)
            raise
        finally:
            span.end(failure)
        return ending

    async def _call(self, attempt: CompletionAttempt, plan: Continue, traceparent: str) -> Ending:
        job = attempt.envelope.job
        sent = upstream_body(plan.body, model=job.model.removeprefix(f"{self._settings.name}/"))
        question = Question(sent, traceparent, wants_usage(plan.body), choices_of(plan.body), plan.shown)
        if plan.shown:
            attempt.usage = plan.shown.usage
        call = Call(self._provider, attempt, question, self._metrics)

        def on_failure(error: MayPass) -> None:
            self._failed(error.detail)
            self._metrics.retried(attempt.envelope.kind, error.detail.code or "unnamed")

        once = _as_continuation(call) if plan.shown and plan.shown.tokens else call.once
        return await self._tries.call(
            once, deadline=attempt.deadline, is_unseen=call.is_unseen, on_failure=on_failure
        )

    def _failed(self, error: ErrorDetail) -> None:
        self._metrics.provider_failed(self._settings.name, error.code or "unnamed")

    def _span(self, attempt: CompletionAttempt) -> Span:
        job = attempt.envelope.job
        return self._tracing.start(
            Operation.CHAT.span(job.model),
            SpanKind.CLIENT,
            attempt.span.traceparent,
            {
                Attribute.GEN_AI_OPERATION: Operation.CHAT.value,
                Attribute.GEN_AI_PROVIDER: self._settings.name,
                Attribute.GEN_AI_REQUEST_MODEL: job.model,
                Attribute.GEN_AI_REQUEST_STREAM: job.stream,
            },
            attempt.span.tracestate,
        )

    def _count(self, job: CompletionJob, ending: Ending) -> None:
        if ending.usage is not None:
            self._metrics.tokens(job.model, ending.usage.input_tokens, ending.usage.output_tokens)


def _as_continuation(call: Call) -> Callable[[], Awaitable[Ending]]:
    """The call, which fails as `worker_lost` where the provider refuses to go on: no fault of the asker."""

    async def once() -> Ending:
        try:
            return await call.once()
        except ApiError as error:
            was_refused = error.detail.type in REFUSED and not isinstance(error, MayPass)
            if was_refused and call.is_unseen():
                raise worker_lost() from error
            raise

    return once


def _tell(span: Span, ending: Ending) -> None:
    if ending.model:
        span.set({Attribute.GEN_AI_RESPONSE_MODEL: ending.model})
    if ending.finish_reason:
        span.set({Attribute.GEN_AI_FINISH_REASONS: [ending.finish_reason]})
    if ending.usage is not None:
        span.set(
            {
                Attribute.GEN_AI_INPUT_TOKENS: ending.usage.input_tokens,
                Attribute.GEN_AI_OUTPUT_TOKENS: ending.usage.output_tokens,
            }
        )
