"""A response's events on their way to one client: numbered, as server-sent events.

Their numbers are those of the response, so that any edge can go on behind any of them. A failure of this
connection alone has the number of the event before it: it is none of the response's.
"""

import asyncio
from dataclasses import dataclass

from pydantic_core import to_json
from starlette.types import Receive, Send

from api_edge.deps import Edge
from api_edge.relay.answer import HEARTBEAT, STREAM_HEADERS
from api_edge.relay.draining import RETRY_AFTER, ask_again
from api_edge.relay.running import Running
from api_edge.relay.watching import when_gone
from api_edge.responses.events import Events, FoldOf, JsonObject, error_event
from contracts.errors import ApiError, ErrorCode
from contracts.ids import response_id

CURSOR = "starting_after"


@dataclass(frozen=True)
class Streams:
    """Sends them."""

    edge: Edge
    fold_of: FoldOf

    async def send(
        self, running: Running, receive: Receive, send: Send, *, after: int = -1, is_kept: bool = True
    ) -> bool:
        """Answer with the events behind a number; whether the client stayed to the end.

        `is_kept`: whether the response can be read on later. Raises ApiError where it failed before the first
        event, or has fewer.
        """
        edge = self.edge
        edge.stats.stream_opened()
        try:
            with Events(edge, running, self.fold_of) as events:
                async with when_gone(events.close, receive):
                    stream = EventStream(edge, running, events, send, after=after, is_kept=is_kept)
                    return await stream.pump()
        finally:
            edge.stats.stream_closed()


class EventStream:
    """One stream."""

    def __init__(
        self, edge: Edge, running: Running, events: Events, send: Send, *, after: int, is_kept: bool
    ) -> None:
        self._edge = edge
        self._running = running
        self._events = events
        self._send = send
        self._after = after
        self._is_kept = is_kept
        self._next = 0
        self._has_begun = False

    async def pump(self) -> bool:
        """Send until the response ends, or the client is gone; whether it stayed."""
        loop = asyncio.get_running_loop()
        while not self._events.is_over:
            try:
                events = await self._next_events()
            except ApiError as error:
                if not self._has_begun:
                    raise
                await self._end_with(error)
                return self._is_kept  # nobody can come back for what is not
            if self._events.is_closed:
                return False
            if events or not self._events.is_over:
                await self._give(events)
            self._events.given(loop.time())
        await self._end()
        return True

    async def _next_events(self) -> list[JsonObject]:
        """Raises ApiError where there will be none, or not here."""
        events = await self._events.next()
        if self._events.failure is not None and not self._next and len(events) == 1:
            raise ApiError.of(self._events.failure)
        if self._edge.draining.is_over and not (self._events.is_over or self._events.is_closed):
            raise self._elsewhere() if self._has_begun and self._is_kept else ask_again()
        return events

    async def _give(self, events: list[JsonObject]) -> None:
        """Send what the client does not have yet; a heartbeat where there is nothing to tell."""
        first = self._next
        self._next += len(events)
        body = b"".join(
            framed(event, number) for number, event in enumerate(events, first) if number > self._after
        )
        if body or not events:
            await self._begin()
            await self._body(body or HEARTBEAT)

    async def _begin(self) -> None:
        if not self._has_begun:
            self._has_begun = True
            await self._send({"type": "http.response.start", "status": 200, "headers": STREAM_HEADERS})

    async def _end(self) -> None:
        if not self._has_begun:
            if self._after >= self._next:
                message = f"{CURSOR} is beyond the end of this response, which has {self._next} events"
                raise ApiError(ErrorCode.INVALID_VALUE, message, param=CURSOR)
            await self._begin()
        await self._body(b"", is_last=True)

    async def _end_with(self, error: ApiError) -> None:
        """Say why it ends here, with the number of the last event that the client has."""
        last = max(0, self._after, self._next - 1)
        await self._body(framed(error_event(error.detail), last), is_last=True)

    def _elsewhere(self) -> ApiError:
        last = max(self._after, self._next - 1)
        cursor = f"&{CURSOR}={last}" if last >= 0 else ""
        message = (
            "This server is stopping and the response goes on: resume it with "
            f"GET /v1/responses/{response_id(self._running.job_id)}?stream=true{cursor}"
        )
        return ApiError(ErrorCode.SERVER_DRAINING, message, retry_after=RETRY_AFTER)

    async def _body(self, body: bytes, *, is_last: bool = False) -> None:
        await self._send({"type": "http.response.body", "body": body, "more_body": not is_last})


def framed(event: JsonObject, number: int) -> bytes:
    """An event with its number."""
    data = to_json({**event, "sequence_number": number})
    return b"event: %b\ndata: %b\n\n" % (str(event["type"]).encode(), data)
