"""A job as its events add up to it: what the ledger keeps of each job, and what others are shown of it.

Stories are written to all the time, a few fields for each event: so they are plain dataclasses, which cost a
tenth of a model here, and are checked when they are read.
"""

from dataclasses import asdict, dataclass, field
from datetime import date

from pydantic import AwareDatetime

from contracts.errors import ErrorDetail
from contracts.events import Usage
from contracts.wire.jobs import JobState, JobView, TimelineEntry


@dataclass(slots=True)
class Entry:
    """One event of a job's timeline."""

    type: str
    at: AwareDatetime
    attempt: int | None = None
    worker: str | None = None
    detail: str | None = None


@dataclass(slots=True)
class Story:
    """One row of the ledger. What no event has told yet is None."""

    job_id: str
    tenant: str
    user_id: str | None = None
    kind: str | None = None
    lane: str | None = None
    model: str | None = None
    request_id: str | None = None
    state: JobState = JobState.QUEUED
    attempts: int = 0
    """The highest number of an attempt."""
    redrives: int = 0
    worker: str | None = None
    accepted_at: AwareDatetime | None = None
    deadline: AwareDatetime | None = None
    claimed_at: AwareDatetime | None = None
    first_frame_at: AwareDatetime | None = None
    postponed_until: AwareDatetime | None = None
    ended_at: AwareDatetime | None = None
    finish_reason: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    usage_estimated: bool | None = None
    error: ErrorDetail | None = None
    timeline: list[Entry] = field(default_factory=list)
    key_id: str | None = None
    """The API key that asked."""
    micro_usd: int | None = None
    """What its usage cost, in millionths of a US dollar, at the prices of its end."""
    is_cost_told: bool | None = None
    """Whether its worker told the cost; else it is the ledger's own reckoning."""
    provider: str | None = None
    """Who answered."""

    def usage(self) -> Usage | None:
        """What the job used; None before its end, and where nothing was used."""
        if self.input_tokens is None:
            return None
        return Usage(
            input_tokens=self.input_tokens,
            output_tokens=self.output_tokens or 0,
            cached_tokens=self.cached_tokens or 0,
            reasoning_tokens=self.reasoning_tokens or 0,
            estimated=bool(self.usage_estimated),
            micro_usd=self.micro_usd,
        )

    def view(self) -> JobView:
        """The job as its caller sees it."""
        return JobView(
            id=self.job_id,
            kind=self.kind or "unknown",
            state=self.state,
            lane=self.lane or "unknown",
            model=self.model,
            attempts=self.attempts,
            accepted_at=self.accepted_at,
            claimed_at=self.claimed_at,
            first_frame_at=self.first_frame_at,
            ended_at=self.ended_at,
            deadline=self.deadline,
            finish_reason=self.finish_reason,
            usage=self.usage(),
            error=self.error,
            request_id=self.request_id,
            timeline=[
                TimelineEntry(**asdict(entry)) for entry in sorted(self.timeline, key=lambda entry: entry.at)
            ],
        )


@dataclass(frozen=True, slots=True)
class Charge:
    """What one end of a job adds to its tenant's use, or takes away where it was counted wrongly before."""

    tenant: str
    key_id: str
    """Empty where no API key asked."""
    day: date
    """UTC."""
    input_tokens: int
    output_tokens: int
    micro_usd: int


@dataclass(frozen=True, slots=True)
class Ended:
    """A job whose end counted: what it was held for can be settled."""

    job_id: str
    tenant: str
    tokens: int
