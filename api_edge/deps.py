"""What the edge's routes are given: one value, built in app.py, with everything that a request may need."""

from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from starlette.types import Scope

from contracts.envelope import Caller, Lane
from contracts.errors import ApiError, ErrorCode
from contracts.ids import new_ulid
from contracts.jobs import Endpoint, ObjectRef, Turn
from contracts.topics import Topic
from contracts.wire.quota import Quota
from infra.failpoints import Failpoints
from infra.limits.gate import Expected, Kind
from infra.relay.follower import Follower
from infra.relay.load import LaneLoad
from infra.relay.standing import Standing
from infra.settings import EdgeSettings
from infra.store.idempotency import IdempotencyRow, Keyed
from infra.store.jobs import StoredJob
from infra.telemetry.spans import Span, Tracing


class JobProducer(Protocol):
    """The bus, as the edge uses it."""

    async def send(self, topic: Topic, key: bytes, value: bytes, headers: Mapping[str, str]) -> None:
        """Produce, and return when the record is durable. Raises BusError."""

    def post(self, topic: Topic, key: bytes, value: bytes, headers: Mapping[str, str]) -> None:
        """Produce in the background."""


class Relay(Protocol):
    """The way back, as the edge uses it."""

    @property
    def channel(self) -> str:
        """What an envelope's `reply_to` names."""

    @property
    def epoch(self) -> str | None:
        """Which life of Redis's memory this is, as last seen."""

    def follow(self, job_id: str, *, first_seq: int = 0) -> AbstractContextManager[Follower]:
        """Follow a job from a seq on, until the block ends."""

    async def attach(self, job_id: str) -> None:
        """Let the live frames of a job that another edge asked for come here, too. Raises RelayDown."""

    async def look(self, job_id: str) -> Standing:
        """What Redis knows of a job now. Raises RelayDown."""

    async def cancel(self, job_id: str) -> bool:
        """Tell a job to stop; whether it ended at once, since no worker held it. Raises RelayDown."""


class Stops(Protocol):
    """Jobs told to stop, with the event of those that end by it."""

    async def cancel(self, job_id: str, tenant: str | None) -> None:
        """Tell a job to stop. Raises RelayDown."""

    async def stop(self, job_id: str, tenant: str | None) -> None:
        """The same, told again in the background while Redis is away. Without a tenant it posts no event."""


class Lanes(Protocol):
    """How busy the lanes are, as last known to this process."""

    def admit(self, lane: Lane) -> None:
        """Let a job in, before anything is accepted. Raises ApiError when its lane is full."""

    def of(self, lane: Lane) -> LaneLoad | None:
        """A lane's load; None when nothing is known of now."""


class Keys(Protocol):
    """Which jobs the callers' idempotency keys stand for."""

    async def hold(self, keyed: Keyed, job_id: str) -> IdempotencyRow:
        """The row of a key. A settled one names the job to follow; else produce the row's job, and accept it.

        A row with another job id than the given one is a repetition. Raises ApiError, with nothing held.
        """

    async def drop(self, row: IdempotencyRow) -> None:
        """The job was surely not produced: let the key be used again."""

    def accept(self, row: IdempotencyRow) -> None:
        """The job is durable; noted in the background."""


class Results(Protocol):
    """What is kept of jobs that have ended."""

    async def of(self, job_id: str, tenant: str) -> list[bytes] | None:
        """All frames of a tenant's job, the terminal one included, if they are kept. Raises ApiError."""


class Ledger(Protocol):
    """What the events of jobs add up to."""

    async def of(self, job_id: str) -> StoredJob | None:
        """A job, as far as its events are folded. Raises ApiError."""

    async def ahead_of(self, job_id: str, lane: Lane) -> int:
        """Queued jobs of a lane that were accepted before this one. Raises ApiError."""


class Draining(Protocol):
    """Whether this process is about to end."""

    @property
    def is_over(self) -> bool:
        """Whether what still waits is told to go on elsewhere."""


class PayloadStore(Protocol):
    """Where payloads wait that are too large for a record."""

    async def put(self, key: str, data: bytes, content_type: str) -> ObjectRef:
        """Store an object. Raises ApiError."""


class ModelCatalog(Protocol):
    """The models that are offered, as last known to this process."""

    async def knows(self, model: str) -> bool:
        """Whether a request for this model can be served."""

    def can(self, model: str, endpoint: Endpoint) -> bool:
        """Whether anybody may be asked that of a known model."""


class Conversations(Protocol):
    """Where conversations stand."""

    async def place(self, tenant: str, conversation_id: str) -> Turn:
        """Where its next turn goes. Raises ApiError: 404, also for another tenant's; 503."""

    async def check_project(self, tenant: str, project_id: str) -> None:
        """Raises ApiError: 404 where the tenant has no such project; 503."""


class NoConversations:
    """Nobody has one."""

    async def place(self, tenant: str, conversation_id: str) -> Turn:  # noqa: ARG002
        """There is none."""
        raise no_conversation()

    async def check_project(self, tenant: str, project_id: str) -> None:  # noqa: ARG002
        """There is none."""
        raise no_project()


class Media(Protocol):
    """A tenant's media."""

    async def check(self, caller: Caller, request_id: str, named: Collection[str], param: str) -> None:
        """Make sure that all of these can be used now. Raises ApiError, naming the first that cannot."""


class NoMedia:
    """Nobody has any."""

    async def check(self, caller: Caller, request_id: str, named: Collection[str], param: str) -> None:  # noqa: ARG002
        """The first is not there."""
        message = f"There is no media {next(iter(named))!r}"
        raise ApiError(ErrorCode.MEDIA_NOT_FOUND, message, param=param)


class Limits(Protocol):
    """How much callers may ask for."""

    async def admit(self, scope: Scope, caller: Caller, kind: Kind) -> None:
        """Let a request in that makes no job. Raises ApiError: 429 or 503."""

    async def admit_job(
        self, scope: Scope, caller: Caller, job_id: str, expected: Expected, seconds: float
    ) -> None:
        """Let a job for a model in, holding what it is taken to use. Raises as above, with nothing held."""

    async def release(self, tenant: str, job_id: str) -> None:
        """The job was not accepted, or is another's: it holds nothing."""

    async def quota(self, caller: Caller) -> Quota:
        """How a caller stands. Raises ApiError."""


class NoLimits:
    """Limits, switched off."""

    async def admit(self, scope: Scope, caller: Caller, kind: Kind) -> None:
        """Everything is let in."""

    async def admit_job(
        self, scope: Scope, caller: Caller, job_id: str, expected: Expected, seconds: float
    ) -> None:
        """Everything is let in."""

    async def release(self, tenant: str, job_id: str) -> None:
        """Nothing is held."""

    async def quota(self, caller: Caller) -> Quota:  # noqa: ARG002
        """Nothing is limited."""
        return Quota(enforced=False)


class JobStats(Protocol):
    """What the edge counts of jobs and streams."""

    def accepted(self, kind: str, lane: str) -> None: ...
    def first_token(self, model: str, seconds: float) -> None: ...
    def stream_opened(self) -> None: ...
    def stream_closed(self) -> None: ...


@dataclass(frozen=True)
class Edge:
    """Everything that is open for as long as the process serves."""

    settings: EdgeSettings
    producer: JobProducer
    relay: Relay
    stops: Stops
    lanes: Lanes
    keys: Keys
    results: Results
    ledger: Ledger
    draining: Draining
    payloads: PayloadStore
    models: ModelCatalog
    stats: JobStats
    tracing: Tracing
    failpoints: Failpoints = field(default_factory=Failpoints)
    limits: Limits = field(default_factory=NoLimits)
    conversations: Conversations = field(default_factory=NoConversations)
    media: Media = field(default_factory=NoMedia)


@dataclass(frozen=True)
class Asked:
    """What is known of a request beside its body."""

    caller: Caller
    request_id: str
    span: Span
    size: int
    """Bytes of the body."""
    job_id: str = field(default_factory=new_ulid)
    """The job that it becomes, unless its Idempotency-Key stands for another."""
    keyed: Keyed | None = None
    """Its Idempotency-Key, if it carries one."""
    is_detached: bool = False
    """Whether the job goes on when its client is gone."""
    is_patient: bool = False
    """Whether the client said so, and so counts on the answer later."""


def no_conversation() -> ApiError:
    """What is answered for a conversation that is not there, or another tenant's."""
    return ApiError(ErrorCode.NOT_FOUND, "There is no such conversation", param="conversation")


def no_project() -> ApiError:
    """What is answered for a project that is not there, or another tenant's."""
    return ApiError(ErrorCode.NOT_FOUND, "There is no such project", param="project_id")
