"""The answer to who wants no stream: the response as its last event has it."""

import asyncio

from pydantic_core import from_json, to_json
from starlette.types import Receive, Send

from api_edge.deps import Edge
from api_edge.relay.answer import next_frames, send_body
from api_edge.relay.draining import ask_again
from api_edge.relay.running import Running
from api_edge.relay.watching import until_gone
from contracts.errors import ApiError, ErrorCode, ErrorDetail
from contracts.frames import FrameKind, payload_of


async def send_response(edge: Edge, running: Running, receive: Receive, send: Send) -> bool:
    """Answer with the response when it has ended; whether the client stayed for it. Raises ApiError."""
    async with until_gone(running, receive):
        body = await _ended(edge, running)
    if body is None:
        return False
    await send_body(body, send)
    return True


async def _ended(edge: Edge, running: Running) -> bytes | None:
    """The response; None when the client is gone."""
    follower = running.follower
    last = b""
    while not follower.is_closed:
        frames = await next_frames(running)
        for frame in frames:
            if frame[0] == FrameKind.CHUNK:
                last = payload_of(frame)
            elif frame[0] == FrameKind.ERROR:
                raise ApiError.of(ErrorDetail.model_validate_json(payload_of(frame)))
            elif frame[0] == FrameKind.END:
                return _response_in(last)
        if edge.draining.is_over and not follower.is_closed:
            raise ask_again()
        follower.last_given = asyncio.get_running_loop().time()
    return None


def _response_in(event: bytes) -> bytes:
    told = from_json(event or b"{}").get("response")
    if not isinstance(told, dict):
        raise ApiError(ErrorCode.STREAM_LOST, "The answer was lost on its way; ask again")
    return to_json(told)
