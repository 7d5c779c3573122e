"""A request becomes a job: follow it on the relay, then produce it, and only then answer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic_core import to_json

from api_edge.deps import Asked, Edge
from contracts.envelope import Envelope, Lane
from contracts.errors import ApiError, ErrorCode
from contracts.events import Accepted
from contracts.ids import new_ulid
from contracts.jobs import CompletionEnvelope, CompletionJob
from contracts.topics import COMPLETION, EVENTS
from infra.bus.errors import BusError
from infra.relay.follower import Follower
from infra.telemetry.names import KAFKA, Attribute, Operation
from infra.telemetry.spans import SpanKind

CLAIM_CHECK_FOLDER = "claim-check"
GRACE_SECONDS = 5.0
"""What a worker has, beyond the deadline, to end a job truthfully before the edge does."""


@dataclass(frozen=True)
class Running:
    """A job that is durably accepted, and our place in its log."""

    job_id: str
    follower: Follower
    model: str
    until: float
    """Loop time after which the edge stops waiting."""


@asynccontextmanager
async def submit_completion(
    edge: Edge, asked: Asked, *, body: dict[str, Any], model: str, stream: bool, lane: Lane
) -> AsyncIterator[Running]:
    """Accept a completion job.

    Raises ApiError, with nothing accepted, when its lane is full or it cannot be made durable.
    """
    edge.lanes.admit(lane)
    job_id = new_ulid()
    job = await _job(edge, asked, job_id, CompletionJob(model=model, stream=stream, body=body))
    now = datetime.now(UTC)
    envelope = CompletionEnvelope(
        job_id=job_id,
        kind=job.kind,
        tenant=asked.caller.tenant,
        caller=asked.caller,
        lane=lane,
        asked_at=now,
        deadline=now + timedelta(seconds=edge.settings.job_timeout),
        reply_to=edge.relay.channel,
        request_id=asked.request_id,
        job=job,
    )
    with edge.relay.follow(job_id) as follower:
        await _produce(edge, asked, envelope)
        until = asyncio.get_running_loop().time() + edge.settings.job_timeout + GRACE_SECONDS
        yield Running(job_id=job_id, follower=follower, model=model, until=until)


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
    except BusError as error:
        span.end(ErrorCode.DEPENDENCY_DOWN)
        message = "The request cannot be queued now and was not accepted; try again"
        raise ApiError(ErrorCode.DEPENDENCY_DOWN, message, retry_after=5) from error
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
    )
