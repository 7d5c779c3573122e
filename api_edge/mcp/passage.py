"""One POST on its way through the SDK: what is known of it, and its stream of events as it goes out.

The SDK writes the events. Their ids are ours (`places`), and so is the moment of the first byte: not before
the job is durable.
"""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from starlette.types import Message, Receive, Send

from api_edge.deps import Asked
from api_edge.mcp.messages import PLAIN_ID, Rpc
from api_edge.mcp.places import BEFORE_FIRST, Place
from contracts.errors import ApiError

EVENT = b"event: message"
EVENT_STREAM = b"text/event-stream"
SESSION = b"mcp-session-id"
UNNAMED = b'"id":"' + PLAIN_ID.encode() + b'"'
PRIMED_SINCE = "2025-11-25"
"""The version from which on clients know an event without data, which only tells a place."""


@dataclass
class Passage:
    """What is known of one POST."""

    rpc: Rpc
    asked: Asked
    session: str | None
    """The session that it names."""
    version: str
    """Of the protocol, as its header says."""
    is_modern: bool
    """Whether it belongs to no handshake: its stream is its only life line (2026-07-28)."""
    state: dict[str, Any]
    """Of its scope: what its answer's headers tell."""
    token: str | int | None = None
    """What its client wants progress to be told under."""
    job_id: str | None = None
    """The job that it became."""
    refusal: ApiError | None = None
    """Why it did not even become a job: its answer is that, and nothing of the SDK's."""
    is_over: bool = False
    """Whether its client has the result, or can get it elsewhere."""
    is_left_open: bool = False
    """Whether its stream ends without an answer, for its client to go on with it elsewhere."""
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when its client goes away."""
    accepted: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when its job is durable, or it has none."""
    sent: deque[int] = field(default_factory=deque)
    """The frames whose events are to go out, by their seqs."""

    @property
    def is_resumable(self) -> bool:
        """Whether its stream can be gone on with elsewhere."""
        return self.rpc.is_call and not self.is_modern and self.rpc.request_id is not None

    def event_id(self, seq: int) -> str | None:
        """The id of the event of a frame."""
        if self.job_id is None or self.rpc.request_id is None:
            return None
        return Place(self.job_id, seq, self.rpc.request_id, self.token).event_id()


class Body:
    """The body, read already, as the SDK reads it once more; then it hears when the client goes away."""

    def __init__(self, passage: Passage) -> None:
        self._passage = passage
        self._is_read = False

    async def receive(self) -> Message:
        """The next message of the request."""
        if not self._is_read:
            self._is_read = True
            return {"type": "http.request", "body": self._passage.rpc.raw, "more_body": False}
        await self._passage.gone.wait()
        return {"type": "http.disconnect"}

    async def watch(self, receive: Receive) -> None:
        """Until the client goes away."""
        while (await receive())["type"] != "http.disconnect":
            pass
        self._passage.gone.set()


class Answer:
    """The answer on its way out."""

    def __init__(self, passage: Passage, send: Send, new_session: str | None) -> None:
        self._passage = passage
        self._send = send
        self._new_session = new_session
        self._start: Message | None = None
        self._is_stream = False
        self.has_begun = False
        """Whether something was sent."""
        self._sending = asyncio.Lock()

    async def send(self, message: Message) -> None:
        """Send a message of the SDK's."""
        if self._passage.refusal is not None and not self.has_begun:
            return
        if message["type"] == "http.response.start":
            self._start = self._started(message)
            if self._is_stream and self._passage.accepted.is_set():
                await self._begin()
            return
        await self._begin(message if not self._is_stream else None)
        await self._send(self._worded(message))

    async def begin_stream(self) -> None:
        """The job is durable: a stream that waits for that begins."""
        await self._passage.accepted.wait()
        if self._is_stream:
            await self._begin()

    def _started(self, message: Message) -> Message:
        headers = list(message["headers"])
        kind = next((value for name, value in headers if name.lower() == b"content-type"), b"")
        self._is_stream = kind.startswith(EVENT_STREAM)
        if self._new_session is not None and message["status"] == 200:  # noqa: PLR2004  the handshake went well
            headers.append((SESSION, self._new_session.encode()))
        return {**message, "headers": headers}

    async def _begin(self, whole: Message | None = None) -> None:
        """Send the start, if that was not done. `whole`: all of the body, whose length may be another now."""
        async with self._sending:
            start, self._start = self._start, None
            if start is None:
                return
            if whole is not None and self._passage.rpc.is_unnamed:
                length = b"%d" % len(self._worded(whole)["body"])
                others = [
                    (name, value) for name, value in start["headers"] if name.lower() != b"content-length"
                ]
                start = {**start, "headers": [*others, (b"content-length", length)]}
            self.has_begun = True
            await self._send(start)
            primer = self._primer()
            if primer:
                await self._send({"type": "http.response.body", "body": primer, "more_body": True})

    def _primer(self) -> bytes:
        passage = self._passage
        if not (self._is_stream and passage.is_resumable and passage.version >= PRIMED_SINCE):
            return b""
        event_id = passage.event_id(BEFORE_FIRST)
        return b"" if event_id is None else f"id: {event_id}\r\ndata: \r\n\r\n".encode()

    def _worded(self, message: Message) -> Message:
        body = message.get("body", b"")
        if self._passage.is_left_open and body.startswith(EVENT):
            return {**message, "body": b""}
        if self._passage.rpc.is_unnamed:
            return {**message, "body": body.replace(UNNAMED, b'"id":null', 1)}
        if self._is_stream and self._passage.is_resumable and body.startswith(EVENT):
            event_id = self._passage.event_id(self._passage.sent.popleft()) if self._passage.sent else None
            if event_id is not None:
                return {**message, "body": f"id: {event_id}\r\n".encode() + body}
        return message
