"""Jobs as an operator or a caller sees them: one shape for every kind of work."""

from enum import StrEnum
from typing import Generic, Literal, TypeVar

from pydantic import AwareDatetime, Field

from contracts.base import WireShape
from contracts.errors import ErrorDetail
from contracts.events import Usage

DataT = TypeVar("DataT")


class JobState(StrEnum):
    """Where a job stands, as its events tell."""

    QUEUED = "queued"
    RUNNING = "running"
    POSTPONED = "postponed"
    """It waits in a retry topic for its next attempt."""
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED = frozenset({JobState.FINISHED, JobState.FAILED, JobState.CANCELLED})
"""States that only a redrive leads out of."""


class TimelineEntry(WireShape):
    """One event of a job."""

    type: str = Field(description="accepted, claimed, first_frame, handed_back, postponed, finished, ...")
    at: AwareDatetime
    attempt: int | None = None
    worker: str | None = None
    detail: str | None = Field(None, description="The code of an error, or why a job waits")


class JobView(WireShape):
    """A job: its state, its numbers, and all that happened to it."""

    id: str
    object: Literal["job"] = "job"
    kind: str
    state: JobState
    cancelling: bool = Field(default=False, description="It was told to stop and has not ended yet")
    lane: str
    model: str | None = None
    attempts: int = 0
    accepted_at: AwareDatetime | None = None
    claimed_at: AwareDatetime | None = None
    first_frame_at: AwareDatetime | None = None
    ended_at: AwareDatetime | None = None
    deadline: AwareDatetime | None = None
    finish_reason: str | None = None
    usage: Usage | None = None
    error: ErrorDetail | None = None
    request_id: str | None = None
    queue_position: int | None = Field(None, description="While queued: jobs of its lane that come before it")
    expected_wait_seconds: float | None = Field(
        None, description="While queued, and some worker of its lane lives"
    )
    timeline: list[TimelineEntry] = Field(default_factory=list)


class Meta(WireShape):
    """What is said beside the data."""

    request_id: str | None


class Enveloped(WireShape, Generic[DataT]):
    """The answer of operator resources: the data, and about it."""

    data: DataT
    meta: Meta
