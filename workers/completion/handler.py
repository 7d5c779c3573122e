"""Does completion jobs: takes the body, calls the provider, and sends what core makes of the answer."""

import asyncio
import logging
from typing import Any, Protocol

from pydantic_core import from_json

from contracts.envelope import Envelope
from contracts.errors import ApiError, ErrorCode
from contracts.events import Ending
from contracts.frames import FrameKind
from contracts.ids import chat_id
from contracts.jobs import CompletionJob
from infra.telemetry.names import Attribute, Operation
from infra.telemetry.spans import Span, SpanKind, Tracing
from infra.telemetry.worker_metrics import WorkerMetrics
from workers.completion.core import Outcome, Provider, Stream, upstream_body, wants_usage, whole_answer
from workers.runtime.attempt import Attempt

CompletionAttempt = Attempt[CompletionJob]

MAX_UNSEEN = 16
"""Chunks that are held back because they show nothing, such as the role: until a token follows, a worker that
dies can be replaced unseen, and a failure is a plain error."""

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
        self, provider: Provider, name: str, payloads: Payloads, metrics: WorkerMetrics, tracing: Tracing
    ) -> None:
        self._provider = provider
        self._name = name
        self._payloads = payloads
        self._metrics = metrics
        self._tracing = tracing

    async def run(self, attempt: CompletionAttempt) -> Ending:
        """Complete one chat. Raises ApiError with the provider's failure."""
        job = attempt.envelope.job
        body = await self._body(job)
        span = self._span(attempt)
        failure: str | None = ErrorCode.CANCELLED
        try:
            sent = upstream_body(body, model=job.model.removeprefix(f"{self._name}/"))
            outcome = await self._call(attempt, body, sent, span.traceparent)
            self._count(job, outcome, span)
            failure = None
        except ApiError as error:
            failure = error.detail.code
            self._metrics.provider_failed(self._name, failure or "unnamed")
            raise
        finally:
            span.end(failure)
        return Ending(model=outcome.model, finish_reason=outcome.finish_reason, usage=outcome.usage)

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

    async def _call(
        self, attempt: CompletionAttempt, body: dict[str, Any], sent: bytes, traceparent: str
    ) -> Outcome:
        public_id = chat_id(attempt.envelope.job_id)
        tier = attempt.envelope.lane.value
        if attempt.envelope.job.stream:
            choices = body.get("n") or 1
            stream = Stream(
                public_id, tier, wants_usage=wants_usage(body), first_seq=attempt.seq, choices=choices
            )
            return await self._stream(attempt, stream, sent, traceparent)
        answer = await self._provider.complete(sent, deadline=attempt.deadline, traceparent=traceparent)
        payload, outcome = whole_answer(answer, public_id, tier)
        attempt.send(FrameKind.RESULT, payload)
        return outcome

    async def _stream(
        self, attempt: CompletionAttempt, stream: Stream, sent: bytes, traceparent: str
    ) -> Outcome:
        loop = asyncio.get_running_loop()
        began = loop.time()
        was_visible = False
        unseen: list[bytes] = []
        try:
            async with self._provider.stream(
                sent, deadline=attempt.deadline, traceparent=traceparent
            ) as batches:
                async for batch in batches:
                    for data in batch:
                        payload = stream.feed(data)
                        if payload is not None:
                            unseen.append(payload)
                            if stream.visible or len(unseen) > MAX_UNSEEN:
                                _send_all(attempt, unseen)
                    if stream.visible and not was_visible:
                        was_visible = True
                        self._metrics.first_token(attempt.envelope.job.model, loop.time() - began)
                    await attempt.room()
            outcome = stream.close()
            _send_all(attempt, unseen)
        finally:
            attempt.usage = stream.usage
        attempt.send(FrameKind.END)
        return outcome

    def _span(self, attempt: CompletionAttempt) -> Span:
        job = attempt.envelope.job
        return self._tracing.start(
            Operation.CHAT.span(job.model),
            SpanKind.CLIENT,
            attempt.span.traceparent,
            {
                Attribute.GEN_AI_OPERATION: Operation.CHAT.value,
                Attribute.GEN_AI_PROVIDER: self._name,
                Attribute.GEN_AI_REQUEST_MODEL: job.model,
                Attribute.GEN_AI_REQUEST_STREAM: job.stream,
            },
            attempt.span.tracestate,
        )

    def _count(self, job: CompletionJob, outcome: Outcome, span: Span) -> None:
        usage = outcome.usage
        if outcome.model:
            span.set({Attribute.GEN_AI_RESPONSE_MODEL: outcome.model})
        if outcome.finish_reason:
            span.set({Attribute.GEN_AI_FINISH_REASONS: [outcome.finish_reason]})
        if usage is not None:
            span.set(
                {
                    Attribute.GEN_AI_INPUT_TOKENS: usage.input_tokens,
                    Attribute.GEN_AI_OUTPUT_TOKENS: usage.output_tokens,
                }
            )
            self._metrics.tokens(job.model, usage.input_tokens, usage.output_tokens)


def _send_all(attempt: CompletionAttempt, payloads: list[bytes]) -> None:
    for payload in payloads:
        attempt.send(FrameKind.CHUNK, payload)
    payloads.clear()
