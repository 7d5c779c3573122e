"""Does calls of tools: each is recorded before it begins and when it has ended, and its result is one frame.

What counts is the record. An attempt that dies between the end of its call and its last frame is followed by
one that finds the result; one that dies in the middle, by one that calls again where the tool allows it (it
only reads, or does no more the second time), and else by one that says that the worker was lost.
"""

import asyncio
import logging
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from pydantic_core import to_json

from contracts.envelope import Envelope
from contracts.errors import ApiError, ErrorCode
from contracts.events import Ending
from contracts.frames import FrameKind
from contracts.jobs import ToolJob
from contracts.tools.spec import ToolProgress, ToolResult
from infra.failpoints import Failpoints, Moment
from infra.limits.buckets import Taken
from infra.limits.errors import LimitsDown
from infra.settings import ToolSettings
from infra.store.tool_calls import RUNNING, Status, ToolCallRow
from infra.telemetry.names import Attribute, Operation
from infra.telemetry.spans import SpanKind, Tracing
from infra.telemetry.worker_metrics import WorkerMetrics
from infra.tools.catalog import Entry
from workers.runtime.attempt import Attempt
from workers.runtime.payloads import Payloads, body_of, forget_body
from workers.runtime.runner import worker_lost
from workers.tool.core.arguments import BadArguments
from workers.tool.core.filtering import Filter
from workers.tool.core.places import Places
from workers.tool.core.telling import Teller
from workers.tool.ports import Call, JsonObject, Tool, ToolFailed

MINUTE = 60.0
FILTERS = 256
"""Sets of patterns that are kept compiled."""
UNKNOWN_END = "The call was stopped: it was cancelled, or its deadline passed"

log = logging.getLogger(__name__)


class Known(Protocol):
    """The catalog as this process knows it."""

    async def find(self, name: str, tenant: str) -> Entry | None:
        """A tool that a tenant may call."""


class Tools(Protocol):
    """What this worker can call."""

    def tool_of(self, entry: Entry) -> Tool:
        """The tool of an entry. Raises ToolFailed."""


class Records(Protocol):
    """The records of calls. Every call raises ApiError while the database is away."""

    async def begin(
        self, envelope: Envelope[ToolJob], attempt: int, arguments: JsonObject
    ) -> ToolCallRow | None:
        """Write down that a call begins; what an earlier attempt wrote, where one did so."""

    async def end(
        self, job_id: str, attempt: int, status: Status, seconds: float, *,
        result: ToolResult | None = None, error: str | None = None,
    ) -> None:  # fmt: skip
        """Write down how it ended, unless that is written."""


class Limits(Protocol):
    """Token buckets."""

    async def take(self, name: str, *, capacity: int, seconds: float, cost: int = 1) -> Taken:
        """Take from a bucket. Raises LimitsDown."""


@dataclass(frozen=True)
class ToolMeans:
    """What the room works with."""

    known: Known
    tools: Tools
    records: Records
    limits: Limits
    payloads: Payloads
    metrics: WorkerMetrics
    tracing: Tracing
    settings: ToolSettings
    failpoints: Failpoints


class ToolWork:
    """The work of this room."""

    def __init__(self, means: ToolMeans) -> None:
        self._means = means
        self._places = Places(means.settings.per_tenant)

    async def run(self, attempt: Attempt[ToolJob]) -> Ending:
        """Call one tool. Raises ApiError: 404 where there is no such tool, 500 where the worker that began it
        was lost and it may not be done again, 503 while something of ours is away."""
        job, means = attempt.envelope.job, self._means
        entry = await means.known.find(job.tool, attempt.envelope.tenant)
        if entry is None:
            raise ApiError(ErrorCode.NOT_FOUND, f"There is no tool {job.tool!r}", param="name")
        arguments = await body_of(means.payloads, job)
        earlier = await means.records.begin(attempt.envelope, attempt.number, arguments)
        result = await self._resumed(attempt, entry, earlier)
        if result is None:
            result = await self._called(attempt, entry, arguments)
        means.failpoints.hit(Moment.KEPT)
        attempt.send(FrameKind.RESULT, result.model_dump_json().encode())
        return Ending()

    async def ending_of(self, envelope: Envelope[ToolJob], last: bytes) -> Ending:  # noqa: ARG002
        """There is nothing to tell of it."""
        return Ending()

    async def forget(self, envelope: Envelope[ToolJob]) -> None:
        """A call that did not come to an end of its own has one now."""
        try:
            await self._means.records.end(envelope.job_id, 0, "cancelled", 0.0, error=UNKNOWN_END)
        except ApiError as error:
            log.warning("call_left", extra={"job_id": envelope.job_id, "error": str(error)})
        await forget_body(self._means.payloads, envelope, envelope.job)

    async def _resumed(
        self, attempt: Attempt[ToolJob], entry: Entry, earlier: ToolCallRow | None
    ) -> ToolResult | None:
        """What an earlier attempt brought; None where the call is to be made now. Raises ApiError."""
        if earlier is None or (earlier.status == RUNNING and entry.spec.may_run_again):
            return None
        if earlier.result is not None:
            return ToolResult.model_validate(earlier.result)
        if earlier.status != RUNNING and entry.spec.may_run_again:  # its result was too large to be kept
            return None
        lost = worker_lost()
        await self._end(attempt, "failed", 0.0, error=str(lost))
        raise lost

    async def _called(self, attempt: Attempt[ToolJob], entry: Entry, arguments: JsonObject) -> ToolResult:
        """Make the call, and record its end. Raises ApiError."""
        name, means = entry.spec.name, self._means
        span = means.tracing.start(
            Operation.EXECUTE_TOOL.span(name),
            SpanKind.INTERNAL,
            attempt.span.traceparent,
            {Attribute.GEN_AI_OPERATION: Operation.EXECUTE_TOOL.value, Attribute.GEN_AI_TOOL: name},
            attempt.span.tracestate,
        )
        began, outcome = time.monotonic(), str(ErrorCode.CANCELLED)
        try:
            async with self._places.of(attempt.envelope.tenant):
                result = await self._result(attempt, entry, arguments)
            means.failpoints.hit(Moment.SEEN)
            status: Status = "failed" if result.is_error else "completed"
            outcome = status
            await self._end(attempt, status, time.monotonic() - began, result=result)
        except ApiError as error:
            outcome = error.detail.code or "failed"
            await self._end(attempt, "failed", time.monotonic() - began, error=str(error))
            raise
        finally:
            means.metrics.tool_called(name, outcome, time.monotonic() - began)
            span.end(None if outcome == "completed" else outcome)
        return result

    async def _result(self, attempt: Attempt[ToolJob], entry: Entry, arguments: JsonObject) -> ToolResult:
        """What the tool brings; its failure, too, is a result. Raises ApiError where we fail."""
        try:
            await self._admit(attempt.envelope, entry)
            banned = _allowed(entry, arguments)
            result = banned.filtered(await self._in_time(attempt, entry, arguments))
        except (ToolFailed, BadArguments) as failure:
            return ToolResult.failed(str(failure))
        size, most = len(to_json(result)), self._means.settings.max_result
        if size > most:
            return ToolResult.failed(f"The result has {size:,} bytes; {most:,} are passed on at most")
        return result

    async def _in_time(self, attempt: Attempt[ToolJob], entry: Entry, arguments: JsonObject) -> ToolResult:
        tool = self._means.tools.tool_of(entry)
        seconds = entry.seconds or self._means.settings.seconds
        loop = asyncio.get_running_loop()
        teller = Teller(lambda told: _send(attempt, told), loop.time)
        call = Call(
            job_id=attempt.envelope.job_id,
            tenant=attempt.envelope.tenant,
            user_id=attempt.envelope.caller.user_id,
            arguments=arguments,
            deadline=min(loop.time() + seconds, attempt.deadline),
            approved=attempt.envelope.job.approved,
            tell=teller.tell,
        )
        limit = asyncio.timeout_at(call.deadline)
        try:
            async with limit:
                return await tool.call(call)
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise ToolFailed(f"{entry.spec.name} did not end within {seconds:g} seconds") from error

    async def _admit(self, envelope: Envelope[ToolJob], entry: Entry) -> None:
        """Raises ToolFailed where the tenant has called it too often; with Redis away, nobody has."""
        limit = entry.limit(envelope.tenant)
        if limit is None:
            return
        try:
            taken = await self._means.limits.take(
                f"tool:{envelope.tenant}:{entry.spec.name}", capacity=limit, seconds=MINUTE
            )
        except LimitsDown:
            return
        if limit == 0 or not taken.is_allowed:
            wait = f"try again in {taken.retry_after:.0f} s" if limit else "it is not allowed here"
            raise ToolFailed(f"{entry.spec.name} may be called {limit} times a minute; {wait}")

    async def _end(
        self,
        attempt: Attempt[ToolJob],
        status: Status,
        seconds: float,
        *,
        result: ToolResult | None = None,
        error: str | None = None,
    ) -> None:
        job_id = attempt.envelope.job_id
        await self._means.records.end(job_id, attempt.number, status, seconds, result=result, error=error)


def _send(attempt: Attempt[ToolJob], told: ToolProgress) -> None:
    attempt.send(FrameKind.CHUNK, told.model_dump_json().encode())


def _allowed(entry: Entry, arguments: JsonObject) -> Filter:
    """What its result is filtered by. Raises ToolFailed where the arguments hold what is disallowed."""
    banned = _filter(entry.disallowed)
    if banned.finds(arguments):
        raise ToolFailed("The arguments hold what is not allowed on this server")
    return banned


@lru_cache(maxsize=FILTERS)
def _filter(patterns: tuple[str, ...]) -> Filter:
    return Filter(patterns)
