"""Facts about a job, on the event topic; what they add up to is the ledger."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, TypeAdapter

from contracts.base import Message
from contracts.envelope import Lane
from contracts.errors import ErrorDetail


class Usage(Message):
    """What a job used, in tokens as the provider counted them."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    estimated: bool = False
    """True when the provider told no usage and the output was counted by its chunks."""
    micro_usd: int | None = None
    """What it cost at that moment, in millionths of a US dollar; None where the model had no price."""


class Ending(Message):
    """A good end of a job, as the last frame and the Finished event tell it."""

    model: str | None = None
    finish_reason: str | None = None
    usage: Usage | None = None
    provider: str | None = None
    """The name of the provider that answered."""


class Failure(ErrorDetail):
    """A bad end of a job, as the last frame tells it: the error, and what was used until then."""

    usage: Usage | None = None


class JobFact(Message):
    """What every event says: which job, whose, and when."""

    job_id: str
    tenant: str
    at: AwareDatetime


class Accepted(JobFact):
    """The edge took the job: it is durably in its topic."""

    type: Literal["accepted"] = "accepted"
    kind: str
    lane: Lane
    user_id: str
    request_id: str | None = None
    model: str | None = None
    deadline: AwareDatetime | None = None
    key_id: str | None = None
    """The API key that asked, if one did."""


class Claimed(JobFact):
    """A worker began an attempt."""

    type: Literal["claimed"] = "claimed"
    attempt: int
    worker: str
    asked_at: AwareDatetime
    first_seq: int = 0
    """The number of its first frame: above 0, it goes on with the answer of an attempt that was lost."""


class FirstFrame(JobFact):
    """The first visible piece of output was sent."""

    type: Literal["first_frame"] = "first_frame"
    attempt: int


class HandedBack(JobFact):
    """A worker that stops gave the job back unfinished; another one takes it."""

    type: Literal["handed_back"] = "handed_back"
    attempt: int


class Postponed(JobFact):
    """An attempt failed in a way that may pass: the job waits in a retry topic."""

    type: Literal["postponed"] = "postponed"
    attempt: int
    error: ErrorDetail
    until: AwareDatetime


class Redriven(JobFact):
    """A dead letter went back to its topic: the job, which had failed, is open again."""

    type: Literal["redriven"] = "redriven"
    redrive: int
    """1 for the first time."""


class Finished(JobFact):
    """The job ended well. Terminal."""

    type: Literal["finished"] = "finished"
    attempt: int
    model: str | None = None
    finish_reason: str | None = None
    usage: Usage | None = None
    provider: str | None = None


class Failed(JobFact):
    """The job ended with an error that its caller was told. Terminal."""

    type: Literal["failed"] = "failed"
    attempt: int
    error: ErrorDetail
    usage: Usage | None = None


class Cancelled(JobFact):
    """The job was stopped because nobody wants it any more. Terminal."""

    type: Literal["cancelled"] = "cancelled"
    attempt: int
    usage: Usage | None = None


Event = Annotated[
    Accepted | Claimed | FirstFrame | HandedBack | Postponed | Redriven | Finished | Failed | Cancelled,
    Field(discriminator="type"),
]
EVENT: TypeAdapter[Event] = TypeAdapter(Event)
TERMINAL_EVENTS = (Finished, Failed, Cancelled)
