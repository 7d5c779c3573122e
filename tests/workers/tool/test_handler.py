"""Calls of tools, in memory: what is recorded, what a second attempt does, and what each failure becomes."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from contracts.envelope import Caller, Lane
from contracts.errors import ApiError, ErrorCode
from contracts.frames import FrameKind, payload_of
from contracts.ids import new_ulid
from contracts.jobs import ToolEnvelope, ToolJob
from contracts.tools.spec import ToolProgress, ToolResult, ToolSpec, text_block
from infra.failpoints import Failpoints
from infra.limits.buckets import Taken
from infra.limits.errors import LimitsDown
from infra.settings import ToolSettings
from infra.store.tool_calls import RUNNING, Status, ToolCallRow
from infra.telemetry.passing import PassingTracing
from infra.telemetry.spans import SpanKind
from infra.telemetry.worker_metrics import WorkerMetrics
from infra.tools.catalog import Deviation, Entry
from workers.runtime.attempt import Attempt
from workers.tool.core.arguments import BadArguments
from workers.tool.handler import ToolMeans, ToolWork
from workers.tool.ports import Call, JsonObject, ToolFailed

SPEC = ToolSpec(name="echo", input_schema={"type": "object"}, is_read_only=True)
ONCE = ToolSpec(name="echo", input_schema={"type": "object"})
SAID = ToolResult(content=[text_block("said")], structured={"said": "said"})


@dataclass
class Echo:
    """A tool that does as it is told."""

    spec: ToolSpec = SPEC
    off_reason: str | None = None
    result: ToolResult = SAID
    error: Exception | None = None
    calls: list[Call] = field(default_factory=list)
    on_call: Callable[[Call], Any] | None = None

    async def call(self, call: Call) -> ToolResult:
        self.calls.append(call)
        if self.on_call is not None:
            await self.on_call(call)
        if self.error is not None:
            raise self.error
        return self.result


@dataclass
class Records:
    """What was written of calls."""

    earlier: ToolCallRow | None = None
    begun: list[tuple[int, JsonObject]] = field(default_factory=list)
    ended: list[tuple[Status, ToolResult | None, str | None]] = field(default_factory=list)

    async def begin(self, envelope: object, attempt: int, arguments: JsonObject) -> ToolCallRow | None:
        self.begun.append((attempt, arguments))
        return self.earlier

    async def end(
        self, job_id: str, attempt: int, status: Status, seconds: float, *,
        result: ToolResult | None = None, error: str | None = None,
    ) -> None:  # fmt: skip
        self.ended.append((status, result, error))


@dataclass
class Buckets:
    """So many calls are left."""

    left: int = 10
    is_down: bool = False
    names: list[str] = field(default_factory=list)

    async def take(self, name: str, *, capacity: int, seconds: float, cost: int = 1) -> Taken:
        if self.is_down:
            raise LimitsDown
        self.names.append(name)
        self.left -= 1
        return Taken(self.left >= 0, capacity, max(self.left, 0), 0.0, 12.0)


@dataclass
class Payloads:
    """A store in memory."""

    deleted: list[str] = field(default_factory=list)

    async def get(self, key: str) -> bytes:
        return b'{"word": "stored"}'

    async def delete(self, key: str) -> None:
        self.deleted.append(key)


@dataclass
class Log:
    """What the job told."""

    attempt: int = 1
    frames: list[bytes] = field(default_factory=list)

    @property
    def seq(self) -> int:
        return len(self.frames)

    def append(self, frame: bytes) -> None:
        self.frames.append(frame)

    async def room(self) -> None:
        """There is always some."""

    async def flushed(self) -> None:
        """It always is."""


@dataclass
class Room:
    """The work, and what it works with."""

    tool: Echo = field(default_factory=Echo)
    entry: Entry | None = field(default_factory=lambda: Entry(SPEC, "echo"))
    records: Records = field(default_factory=Records)
    limits: Buckets = field(default_factory=Buckets)
    payloads: Payloads = field(default_factory=Payloads)
    settings: ToolSettings = field(default_factory=ToolSettings)
    log: Log = field(default_factory=Log)

    async def find(self, name: str, tenant: str) -> Entry | None:
        assert tenant == "t1"
        return self.entry

    def tool_of(self, entry: Entry) -> Echo:
        return self.tool

    @property
    def work(self) -> ToolWork:
        return ToolWork(
            ToolMeans(
                self,
                self,
                self.records,
                self.limits,
                self.payloads,
                WorkerMetrics(CollectorRegistry()),
                PassingTracing(),
                self.settings,
                Failpoints(),
            )
        )

    async def call(self, number: int = 1, **job: Any) -> ToolResult:
        """The result that the caller is told."""
        self.log.attempt = number
        loop = asyncio.get_running_loop()
        span = PassingTracing().start("tool", SpanKind.CONSUMER, None, {})
        attempt = Attempt(asked(**job), self.log, span, loop.time() + 60.0, lambda: None)
        await self.work.run(attempt)
        assert self.log.frames[-1][0] == FrameKind.RESULT
        return ToolResult.model_validate_json(payload_of(self.log.frames[-1]))


def asked(**job: Any) -> ToolEnvelope:
    now = datetime.now(UTC)
    return ToolEnvelope(
        job_id=new_ulid(),
        kind="tool",
        tenant="t1",
        caller=Caller(user_id="u1", tenant="t1"),
        lane=Lane.DEFAULT,
        asked_at=now,
        deadline=now + timedelta(minutes=1),
        job=ToolJob(**{"tool": "echo", "body": {"word": "hello"}, **job}),
    )


def earlier(status: Status = RUNNING, result: ToolResult | None = None) -> ToolCallRow:
    kept = None if result is None else result.model_dump(mode="json")
    return ToolCallRow(
        job_id="j", tenant="t1", user_id="u1", tool="echo", status=status, result=kept,
        started_at=datetime.now(UTC),
    )  # fmt: skip


async def test_a_call_is_recorded_before_and_after_and_its_result_is_told() -> None:
    room = Room()

    result = await room.call(approved=True)

    assert result == SAID
    assert room.records.begun == [(1, {"word": "hello"})]
    assert room.records.ended == [("completed", SAID, None)]
    assert (room.tool.calls[0].arguments, room.tool.calls[0].approved) == ({"word": "hello"}, True)


async def test_arguments_behind_the_claim_check_are_fetched_and_in_the_end_deleted() -> None:
    room = Room()
    ref = {"bucket": "jan", "key": "k", "size": 9}

    await room.call(body=None, body_ref=ref)
    await room.work.forget(asked(body=None, body_ref=ref))

    assert room.tool.calls[0].arguments == {"word": "stored"}
    assert room.payloads.deleted == ["k"]


@pytest.mark.parametrize("error", [ToolFailed("it cannot"), BadArguments("it cannot")])
async def test_a_tools_own_failure_is_a_result(error: Exception) -> None:
    room = Room(Echo(error=error))

    result = await room.call()

    assert (result.is_error, result.text) == (True, "it cannot")
    assert room.records.ended == [("failed", result, None)]


async def test_a_failure_of_ours_is_the_jobs() -> None:
    error = ApiError(ErrorCode.DEPENDENCY_DOWN, "The database is away")
    room = Room(Echo(error=error))

    with pytest.raises(ApiError) as caught:
        await room.call()

    assert caught.value is error
    assert room.records.ended == [("failed", None, "The database is away")]


async def test_a_call_that_takes_too_long_is_stopped_and_says_so() -> None:
    stopped = asyncio.Event()

    async def forever(call: Call) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    room = Room(Echo(on_call=forever), Entry(SPEC, "echo", seconds=0.01))

    result = await room.call()

    assert stopped.is_set()
    assert (result.is_error, result.text) == (True, "echo did not end within 0.01 seconds")


async def test_a_timeout_of_the_tools_own_is_no_limit_of_ours() -> None:
    room = Room(Echo(error=TimeoutError("mine")))

    with pytest.raises(TimeoutError, match="mine"):
        await room.call()


async def test_an_attempt_behind_a_recorded_result_tells_it_and_calls_nothing() -> None:
    room = Room(Echo(spec=ONCE), Entry(ONCE, "echo"), Records(earlier("completed", SAID)))

    assert await room.call(2) == SAID
    assert room.tool.calls == []


async def test_a_reading_call_that_was_lost_is_made_again() -> None:
    room = Room(records=Records(earlier()))

    assert await room.call(2) == SAID
    assert len(room.tool.calls) == 1


@pytest.mark.parametrize("status", [RUNNING, "completed", "cancelled"])
async def test_any_other_call_that_was_begun_is_never_made_again(status: Status) -> None:
    room = Room(Echo(spec=ONCE), Entry(ONCE, "echo"), Records(earlier(status)))

    with pytest.raises(ApiError) as caught:
        await room.call(2)

    assert caught.value.detail.code == ErrorCode.WORKER_LOST
    assert room.tool.calls == []
    assert room.records.ended[0][0] == "failed"


async def test_a_tool_that_is_gone_is_a_404() -> None:
    room = Room(entry=None)

    with pytest.raises(ApiError) as caught:
        await room.call()

    assert caught.value.detail.code == ErrorCode.NOT_FOUND
    assert room.records.begun == []


async def test_a_tenant_who_calls_too_often_is_told_when_to_come_back() -> None:
    room = Room(entry=Entry(SPEC, "echo", per_minute=5), limits=Buckets(left=1))

    first, second = await room.call(), await room.call()

    assert first == SAID
    assert (second.is_error, second.text) == (True, "echo may be called 5 times a minute; try again in 12 s")
    assert room.limits.names == ["tool:t1:echo"] * 2


async def test_what_differs_for_a_tenant_counts() -> None:
    entry = Entry(SPEC, "echo", per_minute=5, deviations={"t1": Deviation(is_allowed=True, per_minute=0)})

    assert (await Room(entry=entry).call()).is_error


async def test_without_redis_nobody_has_called_too_often() -> None:
    room = Room(entry=Entry(SPEC, "echo", per_minute=1), limits=Buckets(is_down=True))

    assert await room.call() == SAID


async def test_disallowed_arguments_reach_no_tool() -> None:
    room = Room(entry=Entry(SPEC, "echo", disallowed=("he.lo",)))

    result = await room.call()

    assert (result.is_error, room.tool.calls) == (True, [])


async def test_disallowed_parts_of_a_result_are_left_out() -> None:
    found = {"results": [{"title": "Good"}, {"title": "Bad WORD"}], "text": "fine\na bad word\nfine"}
    room = Room(Echo(result=ToolResult(content=[text_block("x")], structured=found)), Entry(
        SPEC, "echo", disallowed=("bad word",)))  # fmt: skip

    result = await room.call()

    assert result.structured == {"results": [{"title": "Good"}], "text": "fine\nfine"}
    assert "bad" not in result.text.lower()


async def test_a_result_that_is_too_large_has_failed() -> None:
    room = Room(settings=ToolSettings(max_result=10))

    result = await room.call()

    assert result.is_error
    assert "10 are passed on at most" in result.text


async def test_progress_is_told_in_order_and_before_the_result() -> None:
    async def tell(call: Call) -> None:
        call.tell(ToolProgress(progress=1, total=2, message="half"))
        call.tell(ToolProgress(progress=0.5))

    room = Room(Echo(on_call=tell))

    await room.call()

    kinds = [frame[0] for frame in room.log.frames]
    told = ToolProgress.model_validate_json(payload_of(room.log.frames[0]))
    assert kinds == [FrameKind.CHUNK, FrameKind.RESULT]
    assert told == ToolProgress(progress=1, total=2, message="half")


async def test_one_tenants_calls_wait_for_each_other_and_not_for_others() -> None:
    running, most, gate = 0, 0, asyncio.Event()

    async def count(call: Call) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        if running == 2:
            gate.set()
        await gate.wait()
        running -= 1

    room = Room(Echo(on_call=count), settings=ToolSettings(per_tenant=2))
    work = room.work

    async def one() -> None:
        span = PassingTracing().start("tool", SpanKind.CONSUMER, None, {})
        until = asyncio.get_running_loop().time() + 60.0
        await work.run(Attempt(asked(), Log(), span, until, lambda: None))

    await asyncio.gather(*(one() for _ in range(6)))

    assert most == 2
    assert work._places._places == {}


async def test_what_is_forgotten_has_an_end() -> None:
    room = Room()

    await room.work.forget(asked())

    assert [status for status, _, _ in room.records.ended] == ["cancelled"]
