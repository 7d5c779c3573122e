"""GET /v1/responses/{response_id}: a response as it is now, or its events from any one on, from any edge."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import get_args
from urllib.parse import parse_qs

from pydantic_core import to_json
from starlette.types import Receive, Scope, Send

from api_edge.deps import Edge
from api_edge.middleware.identity import caller_of
from api_edge.relay.disconnect import OnDisconnect, on_disconnect
from api_edge.relay.rejoin import JobGone, rejoined
from api_edge.relay.running import GRACE_SECONDS
from api_edge.responses.cancels import Cancels
from api_edge.responses.desk import ResponseDesk
from api_edge.responses.finding import job_of
from api_edge.responses.stream import CURSOR, Streams
from contracts.errors import ApiError, ErrorCode
from contracts.jobs import ResponseEnvelope
from contracts.wire.responses import Included
from infra.store.responses import OPEN, ResponseRow

PATH = "/v1/responses/{response_id}"
POLL_AFTER = (b"openai-poll-after-ms", b"500")
TRUE, FALSE = frozenset({"true", "1"}), frozenset({"false", "0", ""})
INCLUDE = ("include", "include[]")
"""OpenAI's SDKs write the latter."""
MOST_DIGITS = 10


@dataclass(frozen=True)
class ReadAsk:
    """How a response is wanted."""

    is_stream: bool
    after: int
    """The number of the last event that is left out."""
    include: frozenset[str]


@dataclass(frozen=True)
class ReadResponse:
    """The route, as an ASGI application."""

    edge: Edge
    desk: ResponseDesk
    cancels: Cancels
    streams: Streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. Raises ApiError before the first byte."""
        scope["route_path"] = PATH
        tenant = caller_of(scope).tenant
        named: str = scope["path_params"]["response_id"]
        leaving = on_disconnect(scope)
        ask = ask_of(scope["query_string"])
        if not ask.is_stream:
            await _send_object(await self.desk.show(tenant, named, ask.include), send)
            return
        row = await self.desk.find(tenant, named)
        if not row.is_streamed:
            message = "This response was not created with stream=true; leave out stream"
            raise ApiError(ErrorCode.INVALID_VALUE, message, param="stream")
        stayed = await self._stream(row, ask.after, receive, send)
        if not stayed and leaving is OnDisconnect.CANCEL:
            await self.cancels.leave(named)

    async def _stream(self, row: ResponseRow, after: int, receive: Receive, send: Send) -> bool:
        deadline = ResponseEnvelope.model_validate(row.envelope).deadline
        left = (deadline - datetime.now(UTC)).total_seconds() + GRACE_SECONDS
        until = asyncio.get_running_loop().time() + left
        job_id = job_of(row.response_id)
        try:
            async with rejoined(self.edge, job_id, row.tenant, model=row.model, until=until) as running:
                return await self.streams.send(running, receive, send, after=after)
        except JobGone as error:
            message = "This response can no longer be streamed; leave out stream to read it as a whole"
            raise ApiError(ErrorCode.INVALID_VALUE, message, param="stream") from error


def ask_of(query: bytes) -> ReadAsk:
    """What a query asks for. Raises ApiError naming the parameter that is wrong."""
    given = parse_qs(query.decode("latin-1"), keep_blank_values=True)
    stream = given.get("stream", [""])[-1].lower()
    if stream not in TRUE | FALSE:
        raise ApiError(ErrorCode.INVALID_VALUE, "stream must be true or false", param="stream")
    is_stream = stream in TRUE
    return ReadAsk(is_stream, _after(given.get(CURSOR), is_stream=is_stream), _include(given))


def _after(given: list[str] | None, *, is_stream: bool) -> int:
    if given is None:
        return -1
    cursor = given[-1]
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= MOST_DIGITS):
        message = f"{CURSOR} must be the sequence_number of the last event that was read, 0 or more"
        raise ApiError(ErrorCode.INVALID_VALUE, message, param=CURSOR)
    if not is_stream:
        raise ApiError(ErrorCode.INVALID_VALUE, f"{CURSOR} needs stream=true", param=CURSOR)
    return int(cursor)


def _include(given: dict[str, list[str]]) -> frozenset[str]:
    wanted = [value for name in INCLUDE for value in given.get(name, ())]
    known = get_args(Included)
    for value in wanted:
        if value not in known:
            message = f"include may hold {', '.join(known)}"
            raise ApiError(ErrorCode.INVALID_VALUE, message, param="include")
    return frozenset(wanted)


async def _send_object(shown: dict[str, object], send: Send) -> None:
    body = to_json(shown)
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    if shown["status"] in OPEN:
        headers.append(POLL_AFTER)
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
