"""The catalogue of topics: name, key rule, partitions, retention, dead letters, payload."""

from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from contracts.envelope import Lane
from contracts.events import EVENT
from contracts.jobs import (
    CompletionEnvelope,
    JobEnvelope,
    MediaEnvelope,
    ResponseEnvelope,
    ToolEnvelope,
    WebhookEnvelope,
)

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
JOB_PARTITIONS = 12
"""A worker runs hundreds of jobs from one partition; partitions only bound how many workers share a lane."""
RETRY_PARTITIONS = 3
DEAD_SUFFIX = ".dead.v1"


@dataclass(frozen=True)
class Topic:
    """One topic. `key` is the rule in words; `payload` checks and describes a record's value."""

    name: str
    key: str
    partitions: int
    retention_ms: int
    payload: TypeAdapter[Any]
    summary: str
    dead_letter: str | None = None


def job_topic(kind: str, payload: TypeAdapter[Any], summary: str, key: str = "job_id") -> Topic:
    """The topic of a kind of jobs."""
    return Topic(
        name=f"jobs.{kind}.v1",
        key=key,
        partitions=JOB_PARTITIONS,
        retention_ms=7 * DAY_MS,
        payload=payload,
        summary=summary,
        dead_letter=f"jobs.{kind}{DEAD_SUFFIX}",
    )


def completion_topic(lane: Lane) -> Topic:
    """The topic of a lane's completion jobs."""
    summary = f"Chat completion jobs of the {lane.value} lane"
    return job_topic(f"completion.{lane.value}", TypeAdapter(CompletionEnvelope), summary)


def worker_group(topic: Topic) -> str:
    """The consumer group of the workers that take a topic's jobs."""
    return f"workers.{topic.name}"


def dead_topic(topic: Topic) -> Topic:
    """Where a topic's records go that no attempt could finish: the record as it was, why in headers."""
    return Topic(
        name=topic.dead_letter or topic.name.removesuffix(".v1") + DEAD_SUFFIX,
        key="as in the origin",
        partitions=1,
        retention_ms=30 * DAY_MS,
        payload=topic.payload,
        summary=f"Dead letters of {topic.name}",
    )


COMPLETION: dict[Lane, Topic] = {lane: completion_topic(lane) for lane in Lane}
MEDIA = job_topic("media", TypeAdapter(MediaEnvelope), "Files to be taken in")
TOOL = job_topic("tool", TypeAdapter(ToolEnvelope), "Calls of tools")
RESPONSE = job_topic(
    "response", TypeAdapter(ResponseEnvelope), "Responses that are to go on", key="response_id"
)
WEBHOOK = job_topic(
    "webhook", TypeAdapter(WebhookEnvelope), "Webhooks that are to be delivered", key="delivery_id"
)
EVENTS = Topic(
    name="events.v1",
    key="job_id",
    partitions=JOB_PARTITIONS,
    retention_ms=30 * DAY_MS,
    payload=EVENT,
    summary="Facts about jobs, folded by the ledger worker",
)


RETRIES: dict[int, Topic] = {
    seconds: Topic(
        name=f"retry.{name}.v1",
        key="as in the origin",
        partitions=RETRY_PARTITIONS,
        retention_ms=7 * DAY_MS,
        payload=TypeAdapter(JobEnvelope),
        summary=f"Records of job topics that wait {name} for their next try",
        dead_letter=f"retry.{name}{DEAD_SUFFIX}",
    )
    for seconds, name in ((10, "10s"), (60, "1m"), (600, "10m"))
}
"""Retry topics by their usual delay in seconds; a record's header `x-not-before` says when it is due."""


def catalogue() -> list[Topic]:
    """Every topic of the product, in order of name."""
    live = [*COMPLETION.values(), MEDIA, TOOL, RESPONSE, WEBHOOK, EVENTS, *RETRIES.values()]
    dead = [dead_topic(topic) for topic in live if topic.dead_letter]
    return sorted([*live, *dead], key=lambda topic: topic.name)
