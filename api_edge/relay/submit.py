"""A request becomes a job: follow it on the relay, then produce it, and only then answer."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Generic

from api_edge.deps import Asked, Edge
from api_edge.idempotency.key import answer_gone
from api_edge.relay.claim_check import checked_in
from api_edge.relay.rejoin import JobGone, rejoined
from api_edge.relay.running import GRACE_SECONDS, Running
from contracts.envelope import Envelope, JobT, Lane
from contracts.errors import ApiError, ErrorCode
from contracts.events import Accepted
from contracts.ids import new_ulid
from contracts.jobs import CompletionEnvelope, CompletionJob
from contracts.topics import COMPLETION, EVENTS, Topic
from infra.bus.errors import BusError, BusTimeout
from infra.failpoints import Moment
from infra.store.idempotency import IdempotencyRow
from infra.telemetry.names import KAFKA, Attribute, Operation
from infra.telemetry.spans import SpanKind

PATIENT = frozenset({Lane.FLEX, Lane.BATCH})
"""Lanes whose jobs may wait for another attempt."""


class MayHaveArrived(ApiError):
    """Whether the job is durable is not known."""


@dataclass(frozen=True)
class Order:
    """A job that is to be produced, under the name that it was given first."""

    job_id: str
    asked_at: datetime
    row: IdempotencyRow | None
    """What its idempotency key stands for."""


@dataclass(frozen=True)
class Wish(Generic[JobT]):
    """What a request asks for, whatever kind of work it is."""

    kind: str
    topic: Topic
    envelope: type[Envelope[JobT]]
    lane: Lane
    make: Callable[[Order], Awaitable[JobT]]
    """Makes the job of an order that is accepted now, and what must be there before a worker sees it. Raises
    ApiError, with nothing accepted."""
    seconds: float
    """From acceptance to deadline."""
    model: str | None = None
    is_metered: bool = True
    """Whether its lane can be full, and its caller's limits hold something for it."""


@asynccontextmanager
async def submit_completion(
    edge: Edge, asked: Asked, *, job: CompletionJob, lane: Lane
) -> AsyncIterator[Running]:
    """Accept a completion job; or follow the one that its idempotency key stands for. Raises as below."""

    async def make(order: Order) -> CompletionJob:
        if asked.size <= edge.settings.claim_check_bytes:
            return job
        return await checked_in(edge.payloads, asked.caller.tenant, order.job_id, job)

    seconds = edge.settings.job_timeout
    wish = Wish(job.kind, COMPLETION[lane], CompletionEnvelope, lane, make, seconds, job.model)
    async with submit_job(edge, asked, wish) as running:
        yield running


@asynccontextmanager
async def submit_job(edge: Edge, asked: Asked, wish: Wish[JobT]) -> AsyncIterator[Running]:
    """Accept a job; or follow the one that its idempotency key stands for.

    Raises ApiError, with nothing accepted, when its lane is full or it cannot be made durable.
    """
    edge.failpoints.hit(Moment.REQUESTED)
    job_id = asked.job_id
    row = await _row(edge, asked, wish)
    if row is None or row.job_id == job_id:
        with edge.relay.follow(job_id) as follower:
            await _accept(edge, asked, Order(job_id, datetime.now(UTC), row), wish)
            until = asyncio.get_running_loop().time() + wish.seconds + GRACE_SECONDS
            yield Running(job_id=job_id, follower=follower, model=wish.model or "", until=until)
        return
    await _release(edge, asked, wish)
    async with _repeated(edge, asked, row, wish) as running:
        yield running


def envelope_of(edge: Edge, asked: Asked, order: Order, wish: Wish[JobT], job: JobT) -> Envelope[JobT]:
    """A job with what travels beside it: the same for the same order."""
    return wish.envelope(
        job_id=order.job_id,
        kind=wish.kind,
        tenant=asked.caller.tenant,
        caller=asked.caller,
        lane=wish.lane,
        asked_at=order.asked_at,
        deadline=order.asked_at + timedelta(seconds=wish.seconds),
        reply_to=edge.relay.channel,
        relay_epoch=edge.relay.epoch,
        request_id=asked.request_id,
        idempotency_key=None if asked.keyed is None else asked.keyed.key,
        patient=asked.is_patient or wish.lane in PATIENT,
        job=job,
    )


async def _row(edge: Edge, asked: Asked, wish: Wish[Any]) -> IdempotencyRow | None:
    """What the request's key stands for, if it has one."""
    if asked.keyed is None:
        return None
    try:
        return await edge.keys.hold(asked.keyed, asked.job_id)
    except ApiError:
        await _release(edge, asked, wish)
        raise


async def _release(edge: Edge, asked: Asked, wish: Wish[Any]) -> None:
    if wish.is_metered:
        await edge.limits.release(asked.caller.tenant, asked.job_id)


@asynccontextmanager
async def _repeated(
    edge: Edge, asked: Asked, row: IdempotencyRow, wish: Wish[JobT]
) -> AsyncIterator[Running]:
    """The job that another request asked for first; produced again where that one's edge must have died."""
    job_id = row.job_id or new_ulid()
    if not row.is_settled:
        await _accept(edge, asked, Order(job_id, row.created_at, row), wish)
    left = wish.seconds + GRACE_SECONDS - (datetime.now(UTC) - row.created_at).total_seconds()
    until = asyncio.get_running_loop().time() + left
    try:
        async with rejoined(edge, job_id, row.tenant, model=wish.model or "", until=until) as running:
            yield running
    except JobGone as error:
        raise answer_gone() from error


async def _accept(edge: Edge, asked: Asked, order: Order, wish: Wish[JobT]) -> None:
    """Make a job durable. Raises ApiError; the key is free then, unless the job may have arrived."""
    if order.row is not None:
        edge.failpoints.hit(Moment.KEY_HELD)
    try:
        if wish.is_metered:
            edge.lanes.admit(wish.lane)
        job = await wish.make(order)
        await _produce(edge, asked, wish, envelope_of(edge, asked, order, wish, job))
    except MayHaveArrived:
        if order.row is None:  # with a key, asking again leads to this very job
            await edge.stops.stop(order.job_id, None)
            await _release(edge, asked, wish)
        raise
    except ApiError:
        await _release(edge, asked, wish)
        if order.row is not None:
            await edge.keys.drop(order.row)
        raise
    if order.row is not None:
        edge.keys.accept(order.row)


async def _produce(edge: Edge, asked: Asked, wish: Wish[JobT], envelope: Envelope[JobT]) -> None:
    topic = wish.topic
    key = envelope.job_id.encode()
    span = edge.tracing.start(
        Operation.SEND.span(topic.name),
        SpanKind.PRODUCER,
        asked.span.traceparent,
        {
            Attribute.MESSAGING_SYSTEM: KAFKA,
            Attribute.MESSAGING_DESTINATION: topic.name,
            Attribute.JOB_ID: envelope.job_id,
            Attribute.JOB_LANE: envelope.lane.value,
        },
        asked.span.tracestate,
    )
    headers = {"content-type": "application/json", "traceparent": span.traceparent}
    if span.tracestate:
        headers["tracestate"] = span.tracestate
    try:
        await edge.producer.send(topic, key, envelope.model_dump_json().encode(), headers)
    except BusTimeout as error:
        span.end(ErrorCode.DEPENDENCY_DOWN)
        message = "Whether the request was queued is not known; try again, best with an Idempotency-Key"
        raise MayHaveArrived(ErrorCode.DEPENDENCY_DOWN, message, retry_after=5) from error
    except BusError as error:
        span.end(ErrorCode.DEPENDENCY_DOWN)
        message = "The request cannot be queued now and was not accepted; try again"
        raise ApiError(ErrorCode.DEPENDENCY_DOWN, message, retry_after=5) from error
    edge.failpoints.hit(Moment.PRODUCED)
    span.end()
    edge.stats.accepted(envelope.kind, envelope.lane.value)
    edge.producer.post(EVENTS, key, _accepted(envelope, wish.model).model_dump_json().encode(), headers)


def _accepted(envelope: Envelope[Any], model: str | None) -> Accepted:
    return Accepted(
        job_id=envelope.job_id,
        tenant=envelope.tenant,
        at=envelope.asked_at,  # its record may be claimed before its producer hears that it is there
        kind=envelope.kind,
        lane=envelope.lane,
        user_id=envelope.caller.user_id,
        request_id=envelope.request_id,
        model=model,
        deadline=envelope.deadline,
        key_id=envelope.caller.key_id,
    )
