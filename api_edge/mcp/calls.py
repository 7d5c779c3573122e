"""A call of a tool becomes a job; what its worker tells becomes progress, and its result the answer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from api_edge.deps import Asked, Edge
from api_edge.mcp.messages import RequestId
from api_edge.mcp.passage import Passage
from api_edge.relay.answer import next_frames
from api_edge.relay.claim_check import checked_in
from api_edge.relay.draining import ask_again
from api_edge.relay.running import Running
from api_edge.relay.submit import Order, Wish, submit_job
from contracts.envelope import Caller, Lane
from contracts.errors import ApiError, ErrorDetail
from contracts.frames import FrameKind, payload_of
from contracts.jobs import ToolEnvelope, ToolJob
from contracts.tools.spec import JsonObject, ToolProgress, ToolResult
from contracts.topics import TOOL
from infra.settings import ToolSettings
from infra.tools.catalog import Entry
from infra.tools.sessions import Sessions


@dataclass(frozen=True)
class Told:
    """What one frame tells."""

    seq: int
    value: ToolProgress | ToolResult


class ToolCalls:
    """Makes and follows the jobs."""

    def __init__(self, edge: Edge, sessions: Sessions, settings: ToolSettings) -> None:
        self._edge = edge
        self._sessions = sessions
        self._settings = settings

    @asynccontextmanager
    async def submitted(self, asked: Asked, entry: Entry, arguments: JsonObject) -> AsyncIterator[Running]:
        """Accept a call; or follow the one that its idempotency key stands for. Raises ApiError."""

        async def make(order: Order) -> ToolJob:
            approved = arguments.get("approved") is True  # whoever asks us is the one who may allow it
            job = ToolJob(tool=entry.spec.name, body=arguments, approved=approved)
            if asked.size <= self._edge.settings.claim_check_bytes:
                return job
            return await checked_in(self._edge.payloads, asked.caller.tenant, order.job_id, job)

        seconds = (entry.seconds or self._settings.seconds) + self._settings.queue_seconds
        wish = Wish("tool", TOOL, ToolEnvelope, Lane.DEFAULT, make, seconds, is_metered=False)
        async with submit_job(self._edge, asked, wish) as running:
            yield running

    async def accepted(self, passage: Passage, running: Running) -> None:
        """The call is durable: its answer may begin, and it can be cancelled by its client's name for it."""
        passage.job_id = running.job_id
        passage.state["job_id"] = running.job_id
        passage.state["replayed"] = running.is_replay
        if passage.session is not None and passage.rpc.request_id is not None:
            caller, request_id = passage.asked.caller, passage.rpc.request_id
            await self._sessions.note(caller, passage.session, request_id, running.job_id)
        passage.accepted.set()

    def told_by(self, running: Running) -> AsyncIterator[Told]:
        """See `told_by`."""
        return told_by(self._edge, running)

    async def leave(self, passage: Passage) -> None:
        """The POST is over: what nobody waits for, nor can come back for, is not done any further."""
        if passage.job_id is not None and not (passage.is_over or passage.asked.is_detached):
            await self._edge.stops.stop(passage.job_id, passage.asked.caller.tenant)

    async def cancel(self, caller: Caller, session: str, request_id: RequestId) -> None:
        """Stop the call that a client named so; one that is not known has ended. Raises ApiError."""
        job_id = await self._sessions.job_of(caller, session, request_id)
        if job_id is not None:
            await self._edge.stops.stop(job_id, caller.tenant)


async def told_by(edge: Edge, running: Running) -> AsyncIterator[Told]:
    """What the frames of a call tell, its result at last; nothing more when the client is gone.

    Raises ApiError when the job failed, or this edge is about to end.
    """
    follower = running.follower
    while not follower.is_closed:
        frames = await next_frames(running)
        if edge.draining.is_over and not frames and not follower.is_closed:
            raise ask_again()
        first = follower.seq - len(frames)
        for number, frame in enumerate(frames):
            if frame[0] == FrameKind.ERROR:
                raise ApiError.of(ErrorDetail.model_validate_json(payload_of(frame)))
            if frame[0] == FrameKind.RESULT:
                yield Told(first + number, ToolResult.model_validate_json(payload_of(frame)))
                return
            yield Told(first + number, ToolProgress.model_validate_json(payload_of(frame)))
        follower.last_given = asyncio.get_running_loop().time()


@asynccontextmanager
async def closed_when_gone(running: Running, gone: asyncio.Event) -> AsyncIterator[None]:
    """Stop following when the client goes away."""

    async def watch() -> None:
        await gone.wait()
        running.follower.close()

    watcher = asyncio.get_running_loop().create_task(watch())
    try:
        yield
    finally:
        watcher.cancel()
