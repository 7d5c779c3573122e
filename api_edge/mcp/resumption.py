"""GET with Last-Event-ID: the stream of a call, gone on with from a place in it, on any edge.

modelcontextprotocol.io/specification/2025-11-25/basic/transports, section "Resumability and Redelivery".
"""

import asyncio
import time
from typing import Any

from mcp.shared.exceptions import MCPError
from pydantic_core import to_json
from starlette.types import Receive, Send

from api_edge.deps import Edge
from api_edge.mcp.calls import Told, told_by
from api_edge.mcp.messages import INVALID_REQUEST, RpcError
from api_edge.mcp.places import Place, place_of
from api_edge.mcp.server import result_of, rpc_error
from api_edge.relay.answer import HEARTBEAT, STREAM_HEADERS
from api_edge.relay.ownership import owned
from api_edge.relay.rejoin import BeyondEnd, JobGone, rejoined
from api_edge.relay.running import GRACE_SECONDS, Running
from api_edge.relay.watching import until_gone
from contracts.envelope import Caller
from contracts.errors import ApiError, ErrorCode
from contracts.ids import born_at
from contracts.tools.spec import ToolResult

Json = dict[str, Any]  # a JSON-RPC message


class ResumedCalls:
    """Goes on with streams."""

    def __init__(self, edge: Edge, *, longest: float) -> None:
        """`longest`: seconds from a call's acceptance to its deadline, at most."""
        self._edge = edge
        self._longest = longest

    async def send(self, caller: Caller, event_id: str, receive: Receive, send: Send) -> None:
        """Answer with what comes after an event. Raises RpcError, 400, for an id that is none of ours;
        ApiError, 404, for a call that is not kept any more, or another's."""
        place = place_of(event_id)
        if place is None:
            raise RpcError(INVALID_REQUEST, "Last-Event-ID is not the id of an event of this server")
        edge = self._edge
        await owned(edge, place.job_id, caller.tenant)
        left = born_at(place.job_id) + self._longest + GRACE_SECONDS - time.time()
        until = asyncio.get_running_loop().time() + left
        try:
            async with (
                rejoined(
                    edge, place.job_id, caller.tenant, model="", until=until, first_seq=place.seq + 1
                ) as running,
                until_gone(running, receive),
            ):
                await self._pump(running, place, send)
        except JobGone as error:
            raise RpcError(INVALID_REQUEST, "The call is not kept any more", status=404) from error
        except BeyondEnd:
            await _start(send)
            await send({"type": "http.response.body", "body": b""})

    async def _pump(self, running: Running, place: Place, send: Send) -> None:
        await _start(send)
        await send({"type": "http.response.body", "body": HEARTBEAT + b"\n", "more_body": True})
        try:
            async for told in told_by(self._edge, running):
                event = _event(told, place)
                is_last = isinstance(told.value, ToolResult)
                if event:
                    await send({"type": "http.response.body", "body": event, "more_body": not is_last})
        except ApiError as error:
            is_elsewhere = error.detail.code == ErrorCode.SERVER_DRAINING
            body = b"" if is_elsewhere else _written(_error(place, rpc_error(error)), None)
            await send({"type": "http.response.body", "body": body, "more_body": False})


async def _start(send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": STREAM_HEADERS})


def _event(told: Told, place: Place) -> bytes:
    at = Place(place.job_id, told.seq, place.request_id, place.token)
    if isinstance(told.value, ToolResult):
        result = result_of(told.value).model_dump(mode="json", by_alias=True, exclude_none=True)
        return _written({"jsonrpc": "2.0", "id": place.request_id, "result": result}, at.event_id())
    if place.token is None:
        return b""
    params = {"progressToken": place.token, **told.value.model_dump(exclude_none=True)}
    return _written({"jsonrpc": "2.0", "method": "notifications/progress", "params": params}, at.event_id())


def _error(place: Place, error: MCPError) -> Json:
    told = error.error.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {"jsonrpc": "2.0", "id": place.request_id, "error": told}


def _written(message: Json, event_id: str | None) -> bytes:
    named = f"id: {event_id}\r\n".encode() if event_id else b""
    return named + b"event: message\r\ndata: " + to_json(message) + b"\r\n\r\n"
