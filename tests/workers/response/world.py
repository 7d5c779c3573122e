"""Everything around the response worker, played: providers, tools, and the bus, which delivers what was sent.

The database and the relay are real. A step may die at any failpoint; its word is then delivered again, as
Kafka does it.
"""

import json
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import TypeAdapter

from contracts.envelope import Caller, Lane
from contracts.events import EVENT as EVENT_OF
from contracts.events import Event
from contracts.frames import FrameKind, payload_of
from contracts.ids import new_ulid, response_id
from contracts.jobs import CompletionEnvelope, ResponseEnvelope, ResponseJob, ToolEnvelope
from contracts.responses.fold import TurnFold
from contracts.responses.objects import asked_of
from contracts.responses.plan import ResponsePlan, TurnPlan
from contracts.tools.spec import ToolResult, text_block
from contracts.topics import EVENTS, RESPONSE, TOOL, Topic
from infra.bus.record import Record
from infra.database import Database
from infra.failpoints import Failpoints, Injected, Moment, Plan
from infra.relay.log import LogReader
from infra.relay.placed import PlacedLogs
from infra.relay.redis import Connections
from infra.settings import WorkerSettings
from infra.store.response_items import ResponseItemRow, items_of_response
from infra.store.response_steps import ResponseStepRow, end_turn, step_of_job, steps_of, waiting_in_outbox
from infra.store.responses import ResponseRow
from infra.store.tool_calls import Ended, Status, ToolCallRow, begin_call, end_call
from infra.telemetry.metrics import open_registry
from infra.telemetry.worker_metrics import WorkerMetrics
from workers.response.handler import ResponseMeans, ResponseWork
from workers.response.keeping import Afterwards
from workers.response.limiting import Turns, UnlimitedTurns
from workers.response.relaying import Relaying
from workers.response.sending import Sending
from workers.runtime.reading import Reading

TENANT = "t1"
MOST_WORDS = 200

JsonObject = dict[str, Any]  # OpenAI's wire


@dataclass
class Bus:
    """Takes what is sent."""

    sent: deque[tuple[str, bytes]] = field(default_factory=deque)
    events: list[Event] = field(default_factory=list)

    async def send(self, topic: Topic | str, key: bytes, value: bytes, headers: Mapping[str, str]) -> None:
        """Durable at once. Every record says whose trace it belongs to."""
        assert key
        name = topic if isinstance(topic, str) else topic.name
        if name == EVENTS.name:
            self.events.append(EVENT_OF.validate_json(value))
        else:
            assert headers["traceparent"] == TRACE
            self.sent.append((name, value))


TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@dataclass
class World:
    """One response, and those who work for it."""

    database: Database
    redis: Connections
    logs: PlacedLogs
    turns: Sequence[Sequence[JsonObject]]
    """The chunks of each model turn."""
    dies: Mapping[Moment, int] = field(default_factory=dict)
    """At which hit of which moments a step dies."""
    bus: Bus = field(default_factory=Bus)
    executed: Counter[str] = field(default_factory=Counter)
    """How often each tool was run, by the job."""
    asked_turns: Counter[str] = field(default_factory=Counter)
    deaths: int = 0
    job_id: str = field(default_factory=new_ulid)
    turn_limits: Turns = field(default_factory=UnlimitedTurns)
    asked_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __post_init__(self) -> None:
        relaying = Relaying(self.redis, 60)
        plans = {moment: Plan("raise", hit) for moment, hit in self.dies.items()}
        failpoints = Failpoints(plans)
        means = ResponseMeans(
            worker="w1",
            database=self.database,
            looks=relaying,
            sending=Sending(self.database, self.bus, self.logs, relaying, failpoints),
            afterwards=Afterwards(self.bus),
            turns=self.turn_limits,
            metrics=WorkerMetrics(open_registry("test", "0")),
            failpoints=failpoints,
        )
        self.work = ResponseWork(Reading(TypeAdapter(ResponseEnvelope), WorkerSettings()), means)

    @property
    def id(self) -> str:
        """The response's."""
        return response_id(self.job_id)

    async def ask(self, plan: ResponsePlan, *, seconds: float = 60, **given: Any) -> None:  # columns
        """What the edge does."""
        now = datetime.now(UTC)
        envelope = ResponseEnvelope(
            job_id=self.job_id, kind="response", tenant=TENANT, caller=Caller(user_id="u1", tenant=TENANT),
            lane=Lane.DEFAULT, asked_at=now, deadline=now + timedelta(seconds=seconds),
            job=ResponseJob(response_id=self.id),
        )  # fmt: skip
        row = ResponseRow(
            response_id=self.id, tenant=TENANT, user_id="u1", model="scripted", asked=asked_of({}),
            plan=plan.model_dump(mode="json"), envelope=envelope.model_dump(mode="json"),
            trace={"traceparent": TRACE}, created_at=now, due_at=envelope.deadline,
            expires_at=now + timedelta(days=1), **given,
        )  # fmt: skip
        said = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Go"}]}
        item = ResponseItemRow(
            response_id=self.id, is_output=False, position=0, item_id=f"msg_{new_ulid()}", item=said,
            created_at=now,
        )  # fmt: skip
        async with self.database.begin() as session:
            session.add(row)
            await session.flush()
            session.add(item)

    async def go(self, *, most: int = MOST_WORDS) -> None:
        """Deliver words and jobs until nothing is left."""
        await self.word()
        for _ in range(most):
            if not self.bus.sent:
                return
            await self.take_one()
            await self.word()
        raise AssertionError("it goes on for ever")

    async def take_one(self) -> None:
        """Do the job that was sent first."""
        topic, value = self.bus.sent.popleft()
        if topic == TOOL.name:
            await self._tool(ToolEnvelope.model_validate_json(value))
        else:
            await self._turn(CompletionEnvelope.model_validate_json(value))

    async def word(self, *, is_cancelled: bool = False) -> None:
        """One word, delivered until somebody has taken it."""
        while True:
            try:
                return await self.work.step(self.id, is_cancelled=is_cancelled)
            except Injected:
                self.deaths += 1

    async def _turn(self, envelope: CompletionEnvelope) -> None:
        turn = envelope.job.response
        assert turn is not None
        self.asked_turns[envelope.job_id] += 1
        async with self.database.begin() as session:
            step = await step_of_job(session, self.id, envelope.job_id)
            assert step is not None
            fold = TurnFold(TurnPlan.model_validate(step.about))
            for chunk in self.turns[turn.number]:
                fold.feed(json.dumps(chunk).encode())
            fold.end()
            outcome = fold.outcome().model_dump(mode="json")
            await end_turn(session, self.id, envelope.job_id, outcome, datetime.now(UTC))

    async def _tool(self, envelope: ToolEnvelope) -> None:
        """A job that comes twice is done once, as claims and records have it."""
        now, job = datetime.now(UTC), envelope.job
        row = ToolCallRow(
            job_id=envelope.job_id, tenant=TENANT, user_id="u1", tool=job.tool, response_id=self.id,
            call_id=job.call_id, arguments=job.body, started_at=now,
        )  # fmt: skip
        async with self.database.begin() as session:
            if await begin_call(session, row) is not None:
                return
            self.executed[envelope.job_id] += 1
            is_bad = job.tool == "broken"
            text = "it broke" if is_bad else f"{job.tool} says {json.dumps(job.body, sort_keys=True)}"
            result = ToolResult(content=[text_block(text)], is_error=is_bad).model_dump(mode="json")
            status: Status = "failed" if is_bad else "completed"
            await end_call(session, envelope.job_id, 1, Ended(status, now, 3, result))

    def record(self) -> Record:
        """A word about it, as it came."""
        word = ResponseEnvelope(
            job_id=self.job_id, kind="response", tenant=TENANT, caller=Caller(user_id="u1", tenant=TENANT),
            lane=Lane.DEFAULT, asked_at=self.asked_at, deadline=self.asked_at + timedelta(minutes=1),
            job=ResponseJob(response_id=self.id),
        )  # fmt: skip
        return Record(RESPONSE.name, 0, 0, self.job_id.encode(), word.model_dump_json().encode())

    async def change(self, **values: Any) -> None:  # columns
        """Put other values into its row."""
        async with self.database.begin() as session:
            row = await session.get(ResponseRow, self.id)
            assert row is not None
            for name, value in values.items():
                setattr(row, name, value)

    async def row(self) -> ResponseRow:
        """The response now."""
        async with self.database.begin() as session:
            row = await session.get(ResponseRow, self.id)
            assert row is not None
            return row

    async def output(self) -> list[JsonObject]:
        """Its output items."""
        async with self.database.begin() as session:
            rows = await items_of_response(session, self.id, is_output=True)
        return [row.item for row in rows]

    async def steps(self) -> list[ResponseStepRow]:
        """Its steps."""
        async with self.database.begin() as session:
            return await steps_of(session, self.id)

    async def is_sent(self) -> bool:
        """Whether nothing waits in the outbox."""
        async with self.database.begin() as session:
            return not await waiting_in_outbox(session, self.id)

    async def told(self) -> list[str]:
        """The log: types of events, `turn` for a turn, `end` for the end."""
        return [self._word_of(raw) for raw in await LogReader(self.redis).whole(self.job_id)]

    def _word_of(self, raw: bytes) -> str:
        match raw[0]:
            case FrameKind.FOLLOW:
                return "turn"
            case FrameKind.END:
                return "end"
            case _:
                kind: str = json.loads(payload_of(raw))["type"]
                return kind.removeprefix("response.")


def says(text: str, finish: str = "stop") -> list[JsonObject]:
    """A turn that answers."""
    return [chunk({"content": text}), chunk({}, finish), usage()]


def calls(*made: tuple[str, JsonObject]) -> list[JsonObject]:
    """A turn that calls tools."""
    pieces = [
        {"index": at, "id": f"call_{at}", "function": {"name": name, "arguments": json.dumps(arguments)}}
        for at, (name, arguments) in enumerate(made)
    ]
    return [chunk({"tool_calls": pieces}), chunk({}, "tool_calls"), usage()]


def chunk(delta: JsonObject, finish: str | None = None) -> JsonObject:
    """One chunk of a chat."""
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def usage() -> JsonObject:
    """The last chunk."""
    return {"choices": [], "usage": {"prompt_tokens": 10, "completion_tokens": 4}}
