"""The events of a response: a pure function of its log and its turns', so that each edge numbers them alike.

    the response's log     c c c f c c f c z
    the turns' logs              cccz  cccz

A CHUNK is an event. A FOLLOW stands for the events of a turn, folded from the chunks in the turn's own log,
which ends before the response's log goes on. Where the response has gone on and a turn's log has no end, its
worker was lost or told to stop: what is there is all.
"""

import asyncio
import logging
from collections import deque
from contextlib import ExitStack
from typing import Any, Protocol

from pydantic_core import from_json

from api_edge.deps import Edge
from api_edge.relay.answer import next_frames
from api_edge.relay.running import Running
from contracts.errors import ApiError, ErrorCode, ErrorDetail
from contracts.frames import FrameKind, is_terminal, payload_of
from contracts.responses.plan import TurnPlan
from infra.relay.redis import RelayDown

END_SECONDS = 12.0
"""That the end of a turn's log may come later than what follows it in the response's: longer than a follower
tries to read a log that cannot be reached."""

log = logging.getLogger(__name__)

JsonObject = dict[str, Any]  # an event, open by nature


class Fold(Protocol):
    """Makes events of a turn's chunks."""

    def feed(self, chunk: bytes) -> list[JsonObject]:
        """The events of a chunk."""

    def end(self) -> list[JsonObject]:
        """Those that end what is open."""


class FoldOf(Protocol):
    """Makes folds."""

    def __call__(self, plan: TurnPlan) -> Fold: ...


class Turn:
    """A turn's log, as it is read."""

    def __init__(self, running: Running, fold: Fold) -> None:
        self.running = running
        self.fold = fold
        self.is_quiet = False
        """Whether nothing came of it when it was read last."""


class Events:
    """The events in their order, without numbers. It is opened with `with`, and read by `next`."""

    def __init__(self, edge: Edge, running: Running, fold_of: FoldOf) -> None:
        self._edge = edge
        self._running = running
        self._fold_of = fold_of
        self._frames: deque[bytes] = deque()
        self._turn: Turn | None = None
        self._followed = ExitStack()
        self.is_over = False
        """Whether all were given."""
        self.is_closed = False
        """Whether nobody wants them any more."""
        self.failure: ErrorDetail | None = None
        """What the response's record was buried with."""

    def __enter__(self) -> "Events":
        return self

    def __exit__(self, *_: object) -> None:
        self._followed.close()

    def close(self) -> None:
        """Nobody wants them any more: `next` returns empty-handed from now on."""
        self.is_closed = True
        self._running.follower.close()
        if self._turn is not None:
            self._turn.running.follower.close()

    def given(self, now: float) -> None:
        """What `next` gave is sent."""
        self._running.follower.last_given = now
        if self._turn is not None:
            self._turn.running.follower.last_given = now

    async def next(self) -> list[JsonObject]:
        """The next ones; none at the end, and after a nudge or a close.

        Raises ApiError when nothing more can come.
        """
        while not self.is_over:
            events = await (self._from_log() if self._turn is None else self._from_turn(self._turn))
            if events is None:
                return []
            if events:
                return events
        return []

    async def _from_log(self) -> list[JsonObject] | None:
        """What the response's log tells next; None after a nudge."""
        if not self._frames:
            self._frames.extend(await next_frames(self._running))
        if not self._frames:
            return None
        events: list[JsonObject] = []
        while self._frames and self._turn is None and not self.is_over:
            events += await self._read(self._frames.popleft())
        return events

    async def _read(self, frame: bytes) -> list[JsonObject]:
        if frame[0] == FrameKind.CHUNK:
            return [from_json(payload_of(frame))]
        if frame[0] == FrameKind.FOLLOW:
            await self._follow(TurnPlan.model_validate_json(payload_of(frame)))
            return []
        self.is_over = True
        if frame[0] == FrameKind.ERROR:
            self.failure = ErrorDetail.model_validate_json(payload_of(frame))
            return [error_event(self.failure)]
        return []

    async def _follow(self, plan: TurnPlan) -> None:
        """Read a turn's log from its first frame on."""
        relay, job_id = self._edge.relay, plan.job_id
        follower = self._followed.enter_context(relay.follow(job_id))
        mine = self._running
        self._turn = Turn(Running(job_id, follower, mine.model, mine.until), self._fold_of(plan))
        if self.is_closed:
            follower.close()
        try:
            if mine.is_replay:
                await relay.attach(job_id)
            standing = await relay.look(job_id)
        except RelayDown as error:  # the relay's own watch looks again
            log.warning("turn_not_attached", extra={"job_id": job_id, "error": str(error)})
        else:
            follower.announce(standing.frames, asyncio.get_running_loop().time())

    async def _from_turn(self, turn: Turn) -> list[JsonObject] | None:
        """What a turn's log tells next; None after a nudge."""
        frames = await self._frames_of(turn)
        events: list[JsonObject] = []
        for frame in frames or ():
            if frame[0] == FrameKind.CHUNK:
                events += turn.fold.feed(payload_of(frame))
            elif frame[0] == FrameKind.END:
                events += turn.fold.end()
        if frames is None or (frames and is_terminal(frames[-1])):
            self._turn = None
            self._followed.close()
        return None if frames == [] else events

    async def _frames_of(self, turn: Turn) -> list[bytes] | None:
        """The next frames of a turn; None where its end will not come. Raises ApiError where it is lost."""
        if not (self._frames or (turn.is_quiet and await self._has_gone_on())):
            frames = await next_frames(turn.running)
            turn.is_quiet = not frames
            return frames
        try:
            async with asyncio.timeout(END_SECONDS):
                return await self._some(turn)
        except TimeoutError:
            if turn.running.follower.seq:
                return None
            raise _lost() from None

    async def _some(self, turn: Turn) -> list[bytes]:
        while True:
            frames = await next_frames(turn.running)
            if frames or self.is_closed:
                return frames

    async def _has_gone_on(self) -> bool:
        """Whether the response's log tells what follows the turn."""
        try:
            return (await self._edge.relay.look(self._running.job_id)).frames > self._running.follower.seq
        except RelayDown:
            return False


def error_event(detail: ErrorDetail) -> JsonObject:
    """A failure of the stream, as OpenAI has it: flat."""
    return {"type": "error", "code": detail.code, "message": detail.message, "param": detail.param}


def _lost() -> ApiError:
    return ApiError(ErrorCode.STREAM_LOST, "A part of the answer is kept no more; read the response instead")
