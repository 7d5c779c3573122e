"""The whole path in memory: the real edge and worker; bus, relay and provider are dictionaries."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from prometheus_client import CollectorRegistry
from pydantic import TypeAdapter
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Message, Scope

from api_edge.app import HotRoutes
from api_edge.deps import Edge, Limits, NoLimits
from api_edge.llm.chat import PATH, chat_completions
from api_edge.llm.resume import PATH as RESUME_PATH
from api_edge.llm.resume import ResumedCompletion
from api_edge.middleware.conventions import Conventions
from api_edge.middleware.identity import Identity
from api_edge.relay.draining import Draining
from api_edge.relay.lanes import Lanes
from api_edge.relay.stops import Stops
from contracts.envelope import Caller, Lane
from contracts.errors import ApiError, ErrorCode, ErrorDetail
from contracts.events import EVENT, Event
from contracts.frames import FrameKind, frame, is_terminal
from contracts.jobs import CompletionEnvelope, Endpoint, ObjectRef
from contracts.topics import COMPLETION, EVENTS, Topic
from contracts.wire.models import Model
from infra.bus.errors import BusError
from infra.bus.record import Record
from infra.identity.known import Known
from infra.relay.claims import Claim, ClaimAsk
from infra.relay.follower import Follower
from infra.relay.job_log import StaleAttempt
from infra.relay.redis import RelayDown
from infra.relay.standing import Standing
from infra.settings import EdgeSettings, ProviderSettings, WorkerSettings
from infra.store.jobs import StoredJob
from infra.telemetry.metrics import EdgeMetrics
from infra.telemetry.passing import PassingTracing
from infra.telemetry.worker_metrics import WorkerMetrics
from tests.flows.keys import MemoryKeys, MemoryResults
from tests.flows.providers import only
from workers.completion.handler import CompletionWork
from workers.completion.ports import ChatMedia, Routes
from workers.completion.tries import open_tries
from workers.runtime.claiming import Past
from workers.runtime.means import Means
from workers.runtime.reading import Reading
from workers.runtime.runner import JobRunner

CALLER = Caller(user_id="u1", tenant="t1", roles=("guest",))
LIMIT = 5.0
QUICK = ProviderSettings(retry_base=0.001)
"""A provider that is asked again at once."""


class MemoryLog:
    """One attempt's hand on a job's log."""

    def __init__(self, relay: "MemoryRelay", job_id: str, attempt: int) -> None:
        self.attempt = attempt
        self._relay = relay
        self._job_id = job_id

    @property
    def seq(self) -> int:
        return len(self._relay.logs.get(self._job_id, []))

    def append(self, frame: bytes) -> None:
        self._relay.append(self._job_id, self.attempt, frame)

    async def room(self) -> None:
        await asyncio.sleep(0)

    async def flushed(self) -> None:
        await asyncio.sleep(0)


class MemoryRelay:
    """Logs and claims; its wire loses what it is told to lose."""

    channel = "edge:memory"
    epoch = "epoch-1"

    def __init__(self) -> None:
        self.logs: dict[str, list[bytes]] = {}
        self.attempts: dict[str, int] = {}
        self.loses_wire = False
        self.is_down = False
        self.refusals = 0
        """How many further writes find Redis away."""
        self.followers: dict[str, list[Follower]] = {}
        self.cancelled: set[str] = set()
        self.ended: list[str] = []
        self.released: list[str] = []
        self.lost: dict[str, int] = {}
        self.tenants: dict[str, str] = {}
        self.forgotten: set[str] = set()
        self.kept: list[str] = []
        self.asked: list[ClaimAsk] = []
        self.stop: Callable[[str], None] = self.cancelled.add

    async def take(self, ask: ClaimAsk) -> Claim:
        self.asked.append(ask)
        log = self.logs.get(ask.job_id, [])
        last = log[-1] if log else b""
        attempt = 0
        if not (last and is_terminal(last)):
            attempt = self.attempts[ask.job_id] = max(self.attempts.get(ask.job_id, 0), ask.floor) + 1
        return Claim(
            attempt,
            len(log),
            last,
            is_cancelled=ask.job_id in self.cancelled,
            lost=self.lost.get(ask.job_id, 0),
            is_forgotten=ask.job_id in self.forgotten,
        )

    async def past_of(self, job_id: str) -> Past:
        return Past(attempts=1, was_visible=True)

    async def keep(self, envelope: CompletionEnvelope) -> None:
        self.kept.append(envelope.job_id)

    async def attach(self, job_id: str) -> None:
        self._be_there()

    async def look(self, job_id: str) -> Standing:
        self._be_there()
        log = self.logs.get(job_id, [])
        tenant = self.tenants.get(job_id, CALLER.tenant) if job_id in self.attempts else None
        last = log[-1] if log else b""
        return Standing(tenant, self.attempts.get(job_id, 0), len(log), last, job_id in self.cancelled)

    async def cancel(self, job_id: str) -> bool:
        self._be_there()
        self.cancelled.add(job_id)
        self.stop(job_id)
        if job_id in self.attempts:
            return False
        detail = ApiError(ErrorCode.CANCELLED, "The job was cancelled").detail
        self.attempts[job_id] = 1
        self.append(job_id, 1, frame(FrameKind.ERROR, 1, detail.model_dump_json().encode()))
        return True

    def nudge(self) -> None:
        for followers in self.followers.values():
            for follower in followers:
                follower.nudge()

    def _be_there(self) -> None:
        if self.is_down:
            raise RelayDown("down")

    def end(self, job_id: str) -> None:
        self.ended.append(job_id)

    async def release(self, job_id: str) -> None:
        self.released.append(job_id)

    @asynccontextmanager
    async def open(
        self,
        job_id: str,
        attempt: int,
        reply_to: str | None,
        *,
        first_seq: int = 0,
        kept: Sequence[bytes] = (),
    ) -> AsyncIterator[MemoryLog]:
        assert list(kept) == self.logs.get(job_id, [])[:first_seq]
        yield MemoryLog(self, job_id, attempt)

    def append(self, job_id: str, attempt: int, frame: bytes) -> None:
        if self.attempts[job_id] > attempt:
            raise StaleAttempt(job_id)
        if self.refusals:
            self.refusals -= 1
            raise RelayDown("down")
        log = self.logs.setdefault(job_id, [])
        log.append(frame)
        for follower in self.followers.get(job_id, ()):
            if self.loses_wire:
                follower.announce(len(log))
            else:
                follower.deliver(len(log) - 1, [frame])

    async def whole(self, job_id: str) -> list[bytes]:
        return list(self.logs.get(job_id, []))

    async def read(self, job_id: str, first_seq: int, most: int) -> list[bytes]:
        return self.logs.get(job_id, [])[first_seq : first_seq + 3]

    @contextmanager
    def follow(self, job_id: str, *, first_seq: int = 0) -> Iterator[Follower]:
        follower = Follower(job_id, self, first_seq=first_seq, limit=10_000, now=0.0)
        self.followers.setdefault(job_id, []).append(follower)
        try:
            yield follower
        finally:
            follower.close()
            self.followers[job_id].remove(follower)
            if not self.followers[job_id]:
                del self.followers[job_id]


class MemoryBus:
    """Topics as lists; a job record goes to the worker at once, as a task."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.events: list[Event] = []
        self.is_down = False
        self.failure = BusError("down")
        self.runner: JobRunner[Any] | None = None
        self.tasks: list[asyncio.Task[None]] = []

    async def send(self, topic: Topic, key: bytes, value: bytes, headers: Mapping[str, str]) -> None:
        if self.is_down:
            raise self.failure
        record = Record(topic.name, 0, len(self.records), key, value, headers)
        self.records.append(record)
        if self.runner is not None and topic.name.startswith("jobs.") and ".dead." not in topic.name:
            self.tasks.append(asyncio.create_task(self.runner.on_record(record)))

    def post(self, topic: Topic, key: bytes, value: bytes, headers: Mapping[str, str]) -> None:
        assert topic is EVENTS
        self.events.append(EVENT.validate_json(value))

    async def post_and_wait(self, topic: Topic, key: bytes, value: bytes, headers: Mapping[str, str]) -> None:
        self.post(topic, key, value, headers)


class MemoryPostponer:
    """Retry topics as a list."""

    def __init__(self) -> None:
        self.postponed: list[tuple[Record, ErrorDetail, float | None]] = []
        self.tries = 1

    async def postpone(
        self, record: Record, envelope: CompletionEnvelope, error: ErrorDetail, after: float | None
    ) -> datetime | None:
        if len(self.postponed) >= self.tries:
            return None
        self.postponed.append((record, error, after))
        return datetime.now(UTC)


class MemoryLedger:
    """What events add up to, as a test says."""

    def __init__(self) -> None:
        self.jobs: dict[str, StoredJob] = {}
        self.ahead = 0

    async def of(self, job_id: str) -> StoredJob | None:
        return self.jobs.get(job_id)

    async def ahead_of(self, job_id: str, lane: Lane) -> int:
        return self.ahead


class MemoryObjects:
    """The object store."""

    def __init__(self) -> None:
        self.stored: dict[str, bytes] = {}
        self.deleted: list[str] = []

    async def put(self, key: str, data: bytes, content_type: str) -> ObjectRef:
        self.stored[key] = data
        return ObjectRef(bucket="jan", key=key, size=len(data))

    async def get(self, key: str) -> bytes:
        return self.stored[key]

    async def delete(self, key: str) -> None:
        self.stored.pop(key, None)
        self.deleted.append(key)


@dataclass
class MemoryProvider:
    """Answers with what it was given; batches may hold exceptions to raise and events to wait for."""

    batches: Sequence[list[bytes] | Exception | asyncio.Event] = ()
    whole: bytes | Exception = b""
    asked: list[dict[str, Any]] = field(default_factory=list)

    @asynccontextmanager
    async def stream(
        self, endpoint: Endpoint, body: bytes, *, deadline: float, traceparent: str | None = None
    ) -> AsyncIterator[AsyncIterator[list[bytes]]]:
        self.asked.append(json.loads(body))
        yield self._read()

    async def _read(self) -> AsyncIterator[list[bytes]]:
        for batch in self.batches:
            if isinstance(batch, Exception):
                raise batch
            if isinstance(batch, asyncio.Event):
                await batch.wait()
                continue
            yield batch

    async def complete(
        self, endpoint: Endpoint, body: bytes, *, deadline: float, traceparent: str | None = None
    ) -> bytes:
        self.asked.append(json.loads(body))
        if isinstance(self.whole, Exception):
            raise self.whole
        return self.whole

    async def models(self) -> list[Model]:
        return []


class EveryModel:
    """A catalog that rules out one model, and has one that only embeds."""

    async def knows(self, model: str) -> bool:
        return model != "unknown"

    def can(self, model: str, endpoint: Endpoint) -> bool:
        return model != "mute" or endpoint is Endpoint.EMBEDDINGS


@dataclass
class Answer:
    """What a client got."""

    status: int = 0
    headers: dict[bytes, bytes] = field(default_factory=dict)
    body: bytes = b""
    parts: list[bytes] = field(default_factory=list)

    @property
    def json(self) -> Any:  # whatever was answered
        return json.loads(self.body)

    @property
    def data(self) -> list[bytes]:
        """The `data:` payloads of a stream."""
        return [line.removeprefix(b"data: ") for line in self.body.split(b"\n") if line.startswith(b"data: ")]


class World:
    """One edge and one worker."""

    def __init__(
        self,
        provider: MemoryProvider,
        *,
        settings: EdgeSettings | None = None,
        upstream: ProviderSettings | None = None,
        limits: Limits | None = None,
        routes: Routes | None = None,
        media: ChatMedia | None = None,
    ) -> None:
        """`provider` answers everything, unless `routes` lead to others."""
        self.bus = MemoryBus()
        self.relay = MemoryRelay()
        self.objects = MemoryObjects()
        self.provider = provider
        self.keys = MemoryKeys()
        self.results = MemoryResults()
        self.ledger = MemoryLedger()
        self.draining = Draining(self.relay.nudge)
        self.stops = Stops(self.relay, self.bus, pause=0)
        self.lanes = Lanes(COMPLETION, EdgeSettings(), EdgeMetrics(CollectorRegistry()))
        self.edge = Edge(
            settings=settings or EdgeSettings(),
            producer=self.bus,
            relay=self.relay,
            stops=self.stops,
            lanes=self.lanes,
            keys=self.keys,
            results=self.results,
            ledger=self.ledger,
            draining=self.draining,
            payloads=self.objects,
            models=EveryModel(),
            stats=EdgeMetrics(CollectorRegistry()),
            tracing=PassingTracing(),
            limits=limits or NoLimits(),
        )
        self.postponer = MemoryPostponer()
        self.registry = CollectorRegistry()
        metrics = WorkerMetrics(self.registry)
        worker_settings = WorkerSettings()
        asked = upstream or QUICK
        work = CompletionWork(
            routes or only(provider, asked),
            open_tries(asked),
            self.objects,
            metrics,
            PassingTracing(),
            media=media,
        )
        self.runner = self.bus.runner = JobRunner(
            work,
            Reading(TypeAdapter(CompletionEnvelope), worker_settings),
            Means(
                worker="w1",
                settings=worker_settings,
                claims=self.relay,
                memory=self.relay,
                logs=self.relay,
                shown=self.relay,
                results=self.relay,
                postponer=self.postponer,
                producer=self.bus,
                metrics=metrics,
                tracing=PassingTracing(),
            ),
        )
        self.relay.stop = self.runner.running.stop
        cold = Router([Route(RESUME_PATH, ResumedCompletion(self.edge), methods=["GET"])])
        hot = Identity(HotRoutes({("POST", PATH): chat_completions(self.edge)}, cold), _authenticate)
        self.app: ASGIApp = Conventions(hot, EdgeMetrics(CollectorRegistry()), lambda _: PATH)

    async def post(
        self, body: object, *, headers: Mapping[str, str] | None = None, gone: asyncio.Event | None = None
    ) -> Answer:
        """Post a chat completion; the client goes away when `gone` is set."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await self._ask("POST", PATH, raw, headers=headers, gone=gone)

    async def get(
        self,
        path: str,
        query: str = "",
        *,
        headers: Mapping[str, str] | None = None,
        gone: asyncio.Event | None = None,
    ) -> Answer:
        """Get a completion again; the client goes away when `gone` is set."""
        return await self._ask("GET", path, b"", query=query, headers=headers, gone=gone)

    async def _ask(
        self,
        method: str,
        path: str,
        raw: bytes,
        *,
        query: str = "",
        headers: Mapping[str, str] | None = None,
        gone: asyncio.Event | None = None,
    ) -> Answer:
        given = {"authorization": "Bearer t", "content-type": "application/json", **(headers or {})}
        scope: Scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query.encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in given.items()],
        }
        answer = Answer()
        sent = iter([{"type": "http.request", "body": raw, "more_body": False}])

        async def receive() -> Message:
            message = next(sent, None)
            if message is None:
                await (gone or asyncio.Event()).wait()
                return {"type": "http.disconnect"}
            return message

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer.status, answer.headers = message["status"], dict(message["headers"])
            else:
                answer.parts.append(message.get("body", b""))
                answer.body += answer.parts[-1]

        async with asyncio.timeout(LIMIT):
            await self.app(scope, receive, send)
            await asyncio.gather(*self.bus.tasks)
        return answer

    async def until(self, holds: Callable[[], bool]) -> None:
        """Let everything run until something holds."""
        async with asyncio.timeout(LIMIT):
            while not holds():
                await asyncio.sleep(0)


async def _authenticate(headers: list[tuple[bytes, bytes]], *, is_suspect: bool) -> Known:
    if (b"authorization", b"Bearer t") not in headers:
        raise ApiError(ErrorCode.INVALID_TOKEN, "no")
    return Known(CALLER, float("inf"), frozenset())
