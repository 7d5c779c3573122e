"""A job's frames become an answer: one JSON body, or a stream of server-sent events.

A stream's status waits for the first frame, so that a failure before the first token is a plain HTTP error;
only silence longer than the heartbeat begins the stream without it. The pump awaits each `send`, so a slow
client slows this loop alone: its frames wait in the job's log and not in memory.
"""

import asyncio

from starlette.types import Receive, Send

from api_edge.deps import Edge
from api_edge.errors import error_body
from api_edge.relay.draining import ask_again, go_on_elsewhere
from api_edge.relay.running import Running
from api_edge.relay.watching import until_gone
from contracts.errors import ApiError, ErrorCode, ErrorDetail
from contracts.frames import FrameKind, is_terminal, payload_of
from infra.relay.follower import StreamLost

HEARTBEAT = b": ping\n"
"""One newline: two of them after an `id:` line break the official SDKs."""
DONE = b"data: [DONE]\n\n"
STREAMED = ApiError(
    ErrorCode.INVALID_VALUE, "This completion was asked for as a stream: add ?stream=true", param="stream"
)
NOT_STREAMED = ApiError(
    ErrorCode.INVALID_VALUE, "This completion was not asked for as a stream: leave out stream", param="stream"
)
STREAM_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]


async def send_whole(edge: Edge, running: Running, receive: Receive, send: Send) -> bool:
    """Answer with the job's result as one JSON body; whether the client stayed for it.

    Raises ApiError when the job failed.
    """
    async with until_gone(running, receive):
        body = await result_of(edge, running)
    if body is None:
        return False
    await send_body(body, send)
    return True


async def send_body(body: bytes, send: Send) -> None:
    """Answer with a JSON body."""
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def send_stream(edge: Edge, running: Running, request_id: str, receive: Receive, send: Send) -> bool:
    """Answer with the job's chunks as they come; whether the client stayed to the end.

    Raises ApiError when the job failed before the first.
    """
    edge.stats.stream_opened()
    try:
        async with until_gone(running, receive):
            return await Stream(edge, running, request_id, send).pump()
    finally:
        edge.stats.stream_closed()


class Stream:
    """One stream of server-sent events on its way to a client."""

    __slots__ = ("_began", "_edge", "_is_first", "_request_id", "_running", "_send", "_started")

    def __init__(self, edge: Edge, running: Running, request_id: str, send: Send) -> None:
        self._edge = edge
        self._running = running
        self._request_id = request_id
        self._send = send
        self._began = asyncio.get_running_loop().time()
        self._started = False
        self._is_first = True

    async def pump(self) -> bool:
        """Send until the job ends, or the client is gone; whether it stayed."""
        loop = asyncio.get_running_loop()
        follower = self._running.follower
        is_over = False
        while not is_over:
            frames = await self._next()
            if follower.is_closed:
                return False
            if frames:
                data, is_over = self._events(frames)
                self._count_first()
            else:
                data = HEARTBEAT
            if not self._started:
                self._started = True
                await self._send({"type": "http.response.start", "status": 200, "headers": STREAM_HEADERS})
            await self._send({"type": "http.response.body", "body": data, "more_body": not is_over})
            follower.last_given = loop.time()
        return True

    async def _next(self) -> list[bytes]:
        """Frames, or none when it is time for a heartbeat; a failure to go on is a frame of its own."""
        follower = self._running.follower
        try:
            sent = follower.seq
            frames = await next_frames(self._running)
            if self._edge.draining.is_over and not follower.is_closed and not _ends(frames):
                raise go_on_elsewhere(self._running.job_id, sent) if self._started else ask_again()
        except ApiError as error:
            if not self._started:
                raise
            return [_error_frame(error.detail)]
        return frames

    def _events(self, frames: list[bytes]) -> tuple[bytes, bool]:
        """The text of the events, and whether the last one is among them."""
        parts: list[bytes] = []
        for frame in frames:
            kind = frame[0]
            if kind == FrameKind.CHUNK:
                parts += (b"data: ", payload_of(frame), b"\n\n")
                continue
            if kind == FrameKind.END:
                parts.append(DONE)
                return b"".join(parts), True
            detail = NOT_STREAMED.detail
            if kind == FrameKind.ERROR:
                detail = ErrorDetail.model_validate_json(payload_of(frame))
            if not (self._started or parts):
                raise ApiError.of(detail)
            parts += (b"data: ", error_body(detail, self._request_id), b"\n\n")
            return b"".join(parts), True
        return b"".join(parts), False

    def _count_first(self) -> None:
        if self._is_first:
            self._is_first = False
            seconds = asyncio.get_running_loop().time() - self._began
            self._edge.stats.first_token(self._running.model, seconds)


async def result_of(edge: Edge, running: Running) -> bytes | None:
    """The result of a job; None when the client is gone. Raises ApiError when it failed, or was streamed."""
    follower = running.follower
    while not follower.is_closed:
        frames = await next_frames(running)
        if frames and frames[-1][0] == FrameKind.ERROR:
            raise ApiError.of(ErrorDetail.model_validate_json(payload_of(frames[-1])))
        if frames and frames[-1][0] != FrameKind.RESULT:
            raise ApiError.of(STREAMED.detail)
        if frames:
            return payload_of(frames[-1])
        if edge.draining.is_over and not follower.is_closed:
            raise ask_again()
        follower.last_given = asyncio.get_running_loop().time()
    return None


async def next_frames(running: Running) -> list[bytes]:
    """Frames, or none after a nudge or a close. Raises ApiError when nothing more can come."""
    try:
        frames = await running.follower.next()
    except StreamLost as error:
        raise ApiError(ErrorCode.STREAM_LOST, "The answer was lost on its way; ask again") from error
    if not frames and asyncio.get_running_loop().time() > running.until:
        raise ApiError(ErrorCode.DEADLINE_EXCEEDED, "The job did not end before its deadline")
    return frames


def _ends(frames: list[bytes]) -> bool:
    return bool(frames) and is_terminal(frames[-1])


def _error_frame(detail: ErrorDetail) -> bytes:
    return b"e0 " + detail.model_dump_json().encode()
