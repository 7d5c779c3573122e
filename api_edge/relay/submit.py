"""A request becomes a job: follow it on the relay, then produce it, and only then answer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pydantic_core import to_json

from api_edge.deps import Asked, Edge
from api_edge.idempotency.key import answer_gone
from api_edge.relay.rejoin import JobGone, rejoined
from api_edge.relay.running import GRACE_SECONDS, Running
from contracts.envelope import Envelope, Lane
from contracts.errors import ApiError, ErrorCode
from contracts.events import Accepted
from contracts.ids import new_ulid
from contracts.jobs import CompletionEnvelope, CompletionJob
from contracts.topics import COMPLETION, EVENTS
from infra.bus.errors import BusError, BusTimeout
from infra.failpoints import Moment
from infra.store.idempotency import IdempotencyRow
from infra.telemetry.names import KAFKA, Attribute, Operation
from infra.telemetry.spans import SpanKind

CLAIM_CHECK_FOLDER = "claim-check"
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


@asynccontextmanager
async def submit_completion(
    edge: Edge, asked: Asked, *, job: CompletionJob, lane: Lane
) -> AsyncIterator[Running]:
    """Accept a completion job; or follow the one that its idempotency key stands for.

    Raises ApiError, with nothing accepted, when its lane is full or it cannot be made durable.
    """
    edge.failpoints.hit(Moment.REQUESTED)
    job_id = asked.job_id
    row = await _row(edge, asked)
    if row is None or row.job_id == job_id:
        with edge.relay.follow(job_id) as follower:
            await _accept(edge, asked, Order(job_id, datetime.now(UTC), row), job, lane)
            until = asyncio.get_running_loop().time() + edge.settings.job_timeout + GRACE_SECONDS
            yield Running(job_id=job_id, follower=follower, model=job.model, until=until)
        return
    await edge.limits.release(asked.caller.tenant, job_id)
    async with _repeated(edge, asked, row, job, lane) as running:
        yield running


async def _row(edge: Edge, asked: Asked) -> IdempotencyRow | None:
    """What the request's key stands for, if it has one."""
    if asked.keyed is None:
        return None
    try:
        return await edge.keys.hold(asked.keyed, asked.job_id)
    except ApiError:
        await edge.limits.release(asked.caller.tenant, asked.job_id)
        raise


@asynccontextmanager
async def _repeated(
    edge: Edge, asked: Asked, row: IdempotencyRow, job: CompletionJob, lane: Lane
) -> AsyncIterator[Running]:
    """The job that another request asked for first; produced again where that one's edge must have died."""
    job_id = row.job_id or new_ulid()
    if not row.is_settled:
        await _accept(edge, asked, Order(job_id, row.created_at, row), job, lane)
    left = edge.settings.job_timeout + GRACE_SECONDS - (datetime.now(UTC) - row.created_at).total_seconds()
    until = asyncio.get_running_loop().time() + left
    try:
        async with rejoined(edge, job_id, row.tenant, model=job.model, until=until) as running:
            yield running
    except JobGone as error:
        raise answer_gone() from error


async def _accept(edge: Edge, asked: Asked, order: Order, job: CompletionJob, lane: Lane) -> None:
    """Make a job durable. Raises ApiError; the key is free then, unless the job may have arrived."""
    if order.row is not None:
        edge.failpoints.hit(Moment.KEY_HELD)
    try:
        edge.lanes.admit(lane)
        await _produce(edge, asked, await _envelope(edge, asked, order, job, lane))
    except MayHaveArrived:
        if order.row is None:  # with a key, asking again leads to this very job
            await edge.stops.stop(order.job_id, None)
            await edge.limits.release(asked.caller.tenant, asked.job_id)
        raise
    except ApiError:
        await edge.limits.release(asked.caller.tenant, asked.job_id)
        if order.row is not None:
            await edge.keys.drop(order.row)
        raise
    if order.row is not None:
        edge.keys.accept(order.row)


async def _envelope(
    edge: Edge, asked: Asked, order: Order, job: CompletionJob, lane: Lane
) -> Envelope[CompletionJob]:
    return CompletionEnvelope(
        job_id=order.job_id,
        kind=job.kind,
        tenant=asked.caller.tenant,
        caller=asked.caller,
        lane=lane,
        asked_at=order.asked_at,
        deadline=order.asked_at + timedelta(seconds=edge.settings.job_timeout),
        reply_to=edge.relay.channel,
        relay_epoch=edge.relay.epoch,
        request_id=asked.request_id,
        idempotency_key=None if asked.keyed is None else asked.keyed.key,
        patient=asked.is_patient or lane in PATIENT,
        job=await _job(edge, asked, order.job_id, job),
    )


async def _job(edge: Edge, asked: Asked, job_id: str, job: CompletionJob) -> CompletionJob:
    """The job as it travels: a large body waits in the object store (the claim check)."""
    if asked.size <= edge.settings.claim_check_bytes:
        return job
    key = f"{CLAIM_CHECK_FOLDER}/{asked.caller.tenant}/{job_id}.json"
    ref = await edge.payloads.put(key, to_json(job.body), "application/json")
    return job.model_copy(update={"body": None, "body_ref": ref})


async def _produce(edge: Edge, asked: Asked, envelope: Envelope[CompletionJob]) -> None:
    topic = COMPLETION[envelope.lane]
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
    edge.producer.post(EVENTS, key, _accepted(envelope).model_dump_json().encode(), headers)


def _accepted(envelope: Envelope[CompletionJob]) -> Accepted:
    return Accepted(
        job_id=envelope.job_id,
        tenant=envelope.tenant,
        at=datetime.now(UTC),
        kind=envelope.kind,
        lane=envelope.lane,
        user_id=envelope.caller.user_id,
        request_id=envelope.request_id,
        model=envelope.job.model,
        deadline=envelope.deadline,
        key_id=envelope.caller.key_id,
    )
