"""One example record for each kind of payload, as its writer writes it."""

from datetime import UTC, datetime

from contracts.base import Message
from contracts.envelope import AuthMethod, Caller, Lane
from contracts.errors import ApiError, ErrorCode
from contracts.events import (
    Accepted,
    Cancelled,
    Claimed,
    Event,
    Failed,
    Finished,
    FirstFrame,
    HandedBack,
    Postponed,
    Redriven,
    Usage,
)
from contracts.ids import DELIVERY, media_id, response_id
from contracts.jobs import (
    CompletionEnvelope,
    CompletionJob,
    MediaEnvelope,
    MediaJob,
    MediaSource,
    ObjectRef,
    ResponseEnvelope,
    ResponseJob,
    ToolEnvelope,
    ToolJob,
    WebhookEnvelope,
    WebhookJob,
)
from contracts.topics import EVENTS, MEDIA, RESPONSE, RETRIES, TOOL, WEBHOOK, Topic, dead_topic

JOB = "01ARYZ6S41TSV4RRFFQ69G5FAV"
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
LATER = datetime(2026, 11, 22, 12, 10, tzinfo=UTC)
USAGE = Usage(input_tokens=7, output_tokens=5, cached_tokens=3)


def envelope(lane: Lane = Lane.DEFAULT, ref: ObjectRef | None = None) -> CompletionEnvelope:
    """A completion job with its body inline, or behind a claim check."""
    body = {"model": "smollm2", "messages": [{"role": "user", "content": "Grüße"}], "temperature": 0}
    return CompletionEnvelope(
        job_id=JOB,
        kind="completion",
        tenant="t1",
        caller=Caller(user_id="u1", tenant="t1", roles=("guest",), auth_method=AuthMethod.JWT),
        lane=lane,
        asked_at=NOON,
        deadline=LATER,
        reply_to="edge-1",
        request_id="req_1",
        job=CompletionJob(model="smollm2", stream=True, body=None if ref else body, body_ref=ref),
    )


def media_envelope(source: MediaSource = MediaSource.STORE) -> MediaEnvelope:
    """A file that lies in the store, or at an address."""
    url = "https://pictures.example/harbour.png" if source is MediaSource.REMOTE else None
    return MediaEnvelope(
        job_id=JOB,
        kind="media",
        tenant="t1",
        caller=Caller(user_id="u1", tenant="t1"),
        lane=Lane.DEFAULT,
        asked_at=NOON,
        deadline=LATER,
        job=MediaJob(media_id=media_id(JOB), source=source, url=url, mime="image/png"),
    )


def tool_envelope(ref: ObjectRef | None = None) -> ToolEnvelope:
    """A call of a tool with its arguments inline, or behind a claim check."""
    return ToolEnvelope(
        job_id=JOB,
        kind="tool",
        tenant="t1",
        caller=Caller(user_id="u1", tenant="t1"),
        lane=Lane.DEFAULT,
        asked_at=NOON,
        deadline=LATER,
        job=ToolJob(tool="scrape", body=None if ref else {"url": "https://example.com"}, body_ref=ref),
    )


def response_envelope() -> ResponseEnvelope:
    """A word about a response."""
    return ResponseEnvelope(
        job_id=JOB,
        kind="response",
        tenant="t1",
        caller=Caller(user_id="u1", tenant="t1"),
        lane=Lane.DEFAULT,
        asked_at=NOON,
        deadline=LATER,
        job=ResponseJob(response_id=response_id(JOB)),
    )


def webhook_envelope() -> WebhookEnvelope:
    """A word about a webhook."""
    return WebhookEnvelope(
        job_id=JOB,
        kind="webhook",
        tenant="t1",
        caller=Caller(user_id="", tenant="t1"),
        lane=Lane.DEFAULT,
        asked_at=NOON,
        deadline=LATER,
        job=WebhookJob(delivery_id=DELIVERY + JOB),
    )


def events() -> list[Event]:
    """One event of each kind."""
    error = ApiError(ErrorCode.PROVIDER_ERROR, "The provider failed").detail
    return [
        Accepted(
            job_id=JOB, tenant="t1", at=NOON, kind="completion", lane=Lane.FLEX, user_id="u1", model="smollm2"
        ),
        Claimed(job_id=JOB, tenant="t1", at=NOON, attempt=1, worker="w1", asked_at=NOON),
        FirstFrame(job_id=JOB, tenant="t1", at=NOON, attempt=1),
        HandedBack(job_id=JOB, tenant="t1", at=NOON, attempt=1),
        Postponed(job_id=JOB, tenant="t1", at=NOON, attempt=1, error=error, until=LATER),
        Redriven(job_id=JOB, tenant="t1", at=NOON, redrive=1),
        Finished(job_id=JOB, tenant="t1", at=NOON, attempt=1, finish_reason="stop", usage=USAGE),
        Failed(job_id=JOB, tenant="t1", at=NOON, attempt=2, error=error),
        Cancelled(job_id=JOB, tenant="t1", at=NOON, attempt=1, usage=USAGE),
    ]


def records_of(topic: Topic) -> list[Message]:
    """Examples of what a topic carries."""
    if topic == EVENTS:
        return list(events())
    files: list[Message] = [media_envelope(source) for source in MediaSource]
    ref = ObjectRef(bucket="jan", key=f"jobs/t1/{JOB}.json", size=300_000)
    others: dict[str, list[Message]] = {
        MEDIA.name: files,
        TOOL.name: [tool_envelope(), tool_envelope(ref)],
        RESPONSE.name: [response_envelope()],
        WEBHOOK.name: [webhook_envelope()],
    }
    for live in (MEDIA, TOOL, RESPONSE, WEBHOOK):
        if topic in (live, dead_topic(live)):
            return others[live.name]
    return [
        envelope(),
        envelope(ref=ref),
        *([record for some in others.values() for record in some] if topic in RETRIES.values() else []),
    ]
