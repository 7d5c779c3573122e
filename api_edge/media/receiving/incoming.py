"""A request's body, piece by piece, within limits of size and time."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from starlette.types import Receive, Scope

from api_edge.middleware.body import ClientGone, header
from contracts.errors import ApiError, ErrorCode


@dataclass(frozen=True)
class ReceiveLimits:
    """How much is received, and for how long."""

    most: int
    """Bytes of the file."""
    seconds: float = 300.0
    """For the whole body."""
    idle: float = 30.0
    """Seconds without a byte."""


async def incoming(
    scope: Scope, receive: Receive, most: int, limits: ReceiveLimits, param: str
) -> AsyncIterator[bytes]:
    """The pieces of a body of at most so many bytes. Raises ApiError, before the first where the request says
    how many it will be, and ClientGone."""
    length = header(scope, b"content-length")
    if length is not None and length.isdigit() and int(length) > most:
        raise too_large(limits, param)
    loop = asyncio.get_running_loop()
    until = loop.time() + limits.seconds
    size, has_more = 0, True
    while has_more:
        try:
            async with asyncio.timeout(min(limits.idle, until - loop.time())):
                message = await receive()
        except TimeoutError as error:
            told = f"The body did not arrive within {limits.seconds:g} s, or paused for {limits.idle:g} s"
            raise ApiError(ErrorCode.INVALID_VALUE, told) from error
        if message["type"] != "http.request":
            raise ClientGone
        piece = message.get("body", b"")
        size += len(piece)
        if size > most:
            raise too_large(limits, param)
        has_more = message.get("more_body", False)
        if piece:
            yield piece


def too_large(limits: ReceiveLimits, param: str) -> ApiError:
    """What a file is told that is larger than is taken in."""
    return ApiError(ErrorCode.BODY_TOO_LARGE, f"The file may have at most {limits.most:,} bytes", param=param)
