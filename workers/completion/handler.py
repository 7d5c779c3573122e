"""Does completion jobs: takes the body, calls the provider, and sends what core makes of the answer.

A call that failed before anything was shown is made elsewhere, and again (`tries`). What lost attempts showed
is gone on with, where that can be done (`core.continuation`). Usage is counted once: that of the try that was
seen, else of the last one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from contracts.envelope import Envelope
from contracts.errors import ApiError, ErrorCode, ErrorType
from contracts.events import Ending
from contracts.frames import FrameKind, payload_of
from contracts.jobs import CompletionJob, Endpoint
from infra.telemetry.names import Attribute, Operation
from infra.telemetry.spans import Span, SpanKind, Tracing
from infra.telemetry.worker_metrics import WorkerMetrics
from workers.completion.call import Call, Keep, Question
from workers.completion.core import (
    Candidate,
    Complete,
    Lost,
    MayPass,
    NotAsked,
    Plan,
    billed,
    choices_of,
    ending_of,
    planned,
    priced,
    upstream_body,
    wants_usage,
)
from workers.completion.ports import (
    ChatMedia,
    Counting,
    Illustrated,
    JsonObject,
    Keeper,
    NoChatMedia,
    NoCounting,
    NoKeeper,
    Preparation,
    Routes,
)
from workers.completion.tries import Tries
from workers.runtime.attempt import Attempt, TryLater
from workers.runtime.payloads import Payloads, body_of, forget_body
from workers.runtime.runner import worker_lost

CompletionAttempt = Attempt[CompletionJob]
REFUSED = frozenset({ErrorType.INVALID_REQUEST, ErrorType.NOT_FOUND})


@dataclass(frozen=True)
class Aside:
    """What belongs to one call beside its body."""

    keep: Keep | None
    """What becomes of its answer beyond the relay."""
    told: JsonObject
    """What its answer tells beside the completion."""
    media: Illustrated


class CompletionWork:
    """The work of this room."""

    def __init__(  # noqa: PLR0913  what a completion needs
        self,
        routes: Routes,
        tries: Tries,
        payloads: Payloads,
        metrics: WorkerMetrics,
        tracing: Tracing,
        *,
        preparations: Sequence[Preparation] = (),
        keeper: Keeper | None = None,
        media: ChatMedia | None = None,
        counting: Counting | None = None,
    ) -> None:
        self._routes = routes
        self._tries = tries
        self._payloads = payloads
        self._metrics = metrics
        self._tracing = tracing
        self._preparations = preparations
        self._keeper = keeper or NoKeeper()
        self._media = media or NoChatMedia()
        self._counting = counting or NoCounting()

    async def run(self, attempt: CompletionAttempt) -> Ending:
        """Do one call to a model. Raises ApiError with the failure, TryLater with one that may pass."""
        job = attempt.envelope.job
        candidates = await self._routes.candidates(job.model, job.endpoint)
        if job.is_counted:
            return await self._counting.run(attempt)
        given = await body_of(self._payloads, job)
        body = given
        for prepared in self._preparations:
            body = await prepared(attempt.envelope, body)
        async with self._media.of(attempt.envelope, given, body) as illustrated:
            delivered = [payload_of(raw) for raw in attempt.delivered]
            plan = planned(delivered, illustrated.body, candidates)
            ending = await self._follow(attempt, plan, self._aside(attempt, given, illustrated))
        self._count(job, ending)
        return ending

    async def ending_of(self, envelope: Envelope[CompletionJob], last: bytes) -> Ending:
        """What the last frame of a job that ended well tells of its end. A whole answer doesn't tell who gave
        it: it costs what it would now."""
        ending, job = ending_of(last), envelope.job
        if ending.provider is not None:
            return ending
        try:
            return billed(ending, await self._routes.candidates(job.model, job.endpoint))
        except ApiError:  # nobody offers it any more
            return ending

    async def forget(self, envelope: Envelope[CompletionJob]) -> None:
        """Delete the body behind the claim check."""
        await forget_body(self._payloads, envelope, envelope.job)

    def _aside(self, attempt: CompletionAttempt, given: JsonObject, media: Illustrated) -> Aside:
        envelope = attempt.envelope
        told = self._keeper.named(envelope, given)
        if not self._keeper.wants(envelope.job):
            return Aside(None, told, media)
        return Aside(partial(self._keeper.keep, envelope, attempt.number, given), told, media)

    async def _follow(self, attempt: CompletionAttempt, plan: Plan | Complete | Lost, aside: Aside) -> Ending:
        match plan:
            case Plan():
                return await self._traced(attempt, plan, aside)
            case Complete(ending, chunks):
                attempt.usage = ending.usage
                for payload in chunks:
                    attempt.send(FrameKind.CHUNK, payload)
                if aside.keep is not None:
                    await attempt.flushed()
                    await aside.keep([*(payload_of(raw) for raw in attempt.delivered), *chunks])
                attempt.send(FrameKind.END, ending.model_dump_json().encode())
                return ending
            case Lost(usage):
                attempt.usage = usage
                raise worker_lost()

    async def _traced(self, attempt: CompletionAttempt, plan: Plan, aside: Aside) -> Ending:
        span = self._span(attempt, plan.steps[0][0].provider)
        failure: str | None = ErrorCode.CANCELLED
        try:
            ending = await self._call(attempt, plan, aside, span.traceparent)
            _tell(span, ending)
            failure = None
        except (ApiError, TryLater) as error:
            failure = error.detail.code
            raise
        finally:
            span.end(failure)
        return ending

    async def _call(self, attempt: CompletionAttempt, plan: Plan, aside: Aside, traceparent: str) -> Ending:
        job, first_seq = attempt.envelope.job, attempt.seq
        steps = {id(candidate): step for candidate, step in plan.steps}

        async def once(candidate: Candidate) -> Ending:
            step = steps[id(candidate)]
            body = await _illustrated(aside.media, step.body, candidate.media)
            question = Question(
                upstream_body(body, model=candidate.model),
                traceparent,
                wants_usage(step.body),
                choices_of(step.body),
                step.shown,
                endpoint=job.endpoint,
                keep=aside.keep,
                told=aside.told,
                cost=candidate.cost,
                provider=candidate.provider,
            )
            if step.shown:
                attempt.usage = priced(step.shown.usage, candidate.cost)
            call = Call(await candidate.client(), attempt, question, self._metrics)
            try:
                return await (_as_continuation(call) if step.shown and step.shown.tokens else call.once())
            except ApiError as error:
                self._metrics.provider_failed(candidate.provider, error.detail.code or "unnamed")
                raise

        def on_failure(_candidate: Candidate, error: ApiError) -> None:
            self._metrics.retried(attempt.envelope.kind, error.detail.code or "unnamed")

        return await self._tries.call(
            lambda: self._routes.ordered([candidate for candidate, _ in plan.steps]),
            once,
            deadline=attempt.deadline,
            is_unseen=lambda: attempt.seq == first_seq,
            on_failure=on_failure,
        )

    def _span(self, attempt: CompletionAttempt, provider: str) -> Span:
        job = attempt.envelope.job
        operation = Operation.EMBEDDINGS if job.endpoint is Endpoint.EMBEDDINGS else Operation.CHAT
        return self._tracing.start(
            operation.span(job.model),
            SpanKind.CLIENT,
            attempt.span.traceparent,
            {
                Attribute.GEN_AI_OPERATION: operation.value,
                Attribute.GEN_AI_PROVIDER: provider,
                Attribute.GEN_AI_REQUEST_MODEL: job.model,
                Attribute.GEN_AI_REQUEST_STREAM: job.stream,
            },
            attempt.span.tracestate,
        )

    def _count(self, job: CompletionJob, ending: Ending) -> None:
        if ending.usage is not None:
            self._metrics.tokens(job.model, ending.usage.input_tokens, ending.usage.output_tokens)


async def _illustrated(media: Illustrated, body: JsonObject, way: str) -> JsonObject:
    try:
        return await media.told(body, way)
    except ApiError as error:
        raise NotAsked.of(error.detail) from error


async def _as_continuation(call: Call) -> Ending:
    """The call, which fails as `worker_lost` where the provider refuses to go on: no fault of the asker."""
    try:
        return await call.once()
    except ApiError as error:
        was_refused = error.detail.type in REFUSED and not isinstance(error, MayPass)
        if was_refused and call.is_unseen():
            raise worker_lost() from error
        raise


def _tell(span: Span, ending: Ending) -> None:
    if ending.provider:
        span.set({Attribute.GEN_AI_PROVIDER: ending.provider})
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
