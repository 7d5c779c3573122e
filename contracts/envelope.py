"""What travels on a job topic: who asked for what, until when, and where the answer goes."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Generic, Literal, TypeVar

from pydantic import AwareDatetime

from contracts.base import Message

JobT = TypeVar("JobT", bound=Message)


class Lane(StrEnum):
    """Priority of a job; each lane is a topic of its own, so that one never waits behind another."""

    PRIORITY = "priority"
    DEFAULT = "default"
    FLEX = "flex"
    BATCH = "batch"


class AuthMethod(StrEnum):
    """How a caller proved who they are; the values are those of the `X-Auth-Method` header."""

    JWT = "jwt"
    API_KEY = "api_key"


class Role(StrEnum):
    """What a user may do. `admin` is needed for every admin route, `guest` marks who has not registered."""

    GUEST = "guest"
    USER = "user"
    ADMIN = "admin"


class Caller(Message):
    """Who asks: the user, whose data it is, and how they proved it."""

    user_id: str
    tenant: str
    roles: tuple[str, ...] = ()
    auth_method: AuthMethod = AuthMethod.JWT
    key_id: str | None = None


class Envelope(Message, Generic[JobT]):
    """One accepted job. Fields are only ever added, optional; anything else is a new topic version."""

    version: Literal[1] = 1
    """A record of another version goes to the dead letters: what it asks cannot be known."""
    job_id: str
    """ULID, made by the edge; the log, the claim, the events and the public id are named by it."""
    kind: str
    tenant: str
    caller: Caller
    lane: Lane
    asked_at: AwareDatetime
    deadline: AwareDatetime
    """After this moment the job is dropped, with its terminal event."""
    reply_to: str | None = None
    """The relay channel of the edge process that waits; None when nobody does."""
    relay_epoch: str | None = None
    """Which life of the relay's memory the job was accepted in; in another one, attempts may be forgotten."""
    request_id: str | None = None
    attempt_hint: int = 1
    """The attempt that the writer expects this delivery to be; the claim decides."""
    idempotency_key: str | None = None
    """Given by the caller: the job's frames are then kept beyond the relay, to be answered again."""
    patient: bool = False
    """Nobody waits at a connection: a failure that may pass leads to a retry topic, not to the end."""
    replay_of: str | None = None
    """The job that this record repeats in replay mode, where side effects come from the record."""
    response_id: str | None = None
    """The response that waits for this job's end: it is told on the topic of responses."""
    job: JobT

    def is_expired(self, now: datetime | None = None) -> bool:
        """Whether the deadline has passed."""
        return (now or datetime.now(UTC)) >= self.deadline
