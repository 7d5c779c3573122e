"""The JSON of POST /v1/media, in which a file may stand as a data URL: 20 MiB of bytes in 27 of text.

The body goes to the disk as it comes. There the data URL is found, a stand-in is put in its place, and the
short rest is read as JSON; then the data URL is decoded from file to file. No step holds it in memory.
"""

import asyncio
import mmap
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError
from starlette.types import Receive, Scope

from api_edge.errors import invalid_request
from api_edge.media.receiving.claims import safe_filename
from api_edge.media.receiving.data_url import PARAM, Text, bad, decoded
from api_edge.media.receiving.incoming import ReceiveLimits, incoming
from api_edge.media.receiving.writing import FileWriter, Received
from api_edge.middleware.body import check_type, parse_object
from contracts.errors import ApiError, ErrorCode
from contracts.ids import new_ulid
from contracts.wire.media import MediaAsk
from infra.settings import KIB

MOST_REST = 64 * KIB
"""Bytes of the body beside its data URL; a body of so many is read as it is."""
LONG = 4 * KIB
"""Bytes from which on a text is taken out of a larger body."""
MOST_SLASHES = 64
"""Backslashes in a row in a larger body: neither a data URL nor a name has as many."""


async def receive_ask(
    scope: Scope, receive: Receive, path: Path, limits: ReceiveLimits, *, depth: int
) -> tuple[MediaAsk, Received | None]:
    """What is asked for, and the file of a data URL, written to `path`; None for a remote file.

    Raises ApiError naming what is wrong, and ClientGone.
    """
    check_type(scope)
    body = path.with_name("body")
    most = limits.most * 4 // 3 + limits.most // 16 + MOST_REST  # PHP writes each "/" as "\/"
    writer = FileWriter(body)
    try:
        async for piece in incoming(scope, receive, most, limits, PARAM):
            await writer.write(piece)
        await writer.finish()
    finally:
        await writer.close()
    return await asyncio.to_thread(_taken, body, path, limits, depth)


@dataclass(frozen=True)
class Long:
    """A long text of a body: where it stands between its quotes, and what was put there instead."""

    start: int
    end: int
    stand_in: str


def _taken(body: Path, path: Path, limits: ReceiveLimits, depth: int) -> tuple[MediaAsk, Received | None]:
    with body.open("rb") as file:
        small = file.read(MOST_REST + 1)
        if len(small) <= MOST_REST:
            return _whole(small, path, limits, depth)
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
            return _stood_in(text, path, limits, depth)


def _whole(body: bytes, path: Path, limits: ReceiveLimits, depth: int) -> tuple[MediaAsk, Received | None]:
    ask = _read(body, depth)
    if not ask.source.is_data:
        return ask, None
    source = (ask.source.data_url or "").encode("utf-8", "replace")
    return ask, decoded(Text(source, 0, len(source), is_escaped=False), path, limits)


def _stood_in(text: mmap.mmap, path: Path, limits: ReceiveLimits, depth: int) -> tuple[MediaAsk, Received]:
    long = _long(text)
    if long is None or len(text) - (long.end - long.start) > MOST_REST:
        message = f"The body may have at most {MOST_REST:,} bytes beside its data URL"
        raise ApiError(ErrorCode.BODY_TOO_LARGE, message)
    ask = _read(text[: long.start] + long.stand_in.encode() + text[long.end :], depth)
    if not ask.source.is_data or ask.source.data_url != long.stand_in:
        raise bad("must be the only long text of the body")
    return ask, decoded(Text(text, long.start, long.end, is_escaped=True), path, limits)


def _long(text: mmap.mmap) -> Long | None:
    """The first long text that begins as a data URL."""
    end = -1
    for _ in range(MOST_REST):
        start = text.find(b'"', end + 1) + 1
        if not start:
            break
        end = _end(text, start)
        if end - start >= LONG and text[start : start + 5].lower() == b"data:":
            return Long(start, end, f"data:,{new_ulid()}")
    return None


def _end(text: mmap.mmap, start: int) -> int:
    """Where a text's last quote stands."""
    end = text.find(b'"', start)
    while end >= 0 and _slashes(text, start, end) % 2:
        end = text.find(b'"', end + 1)
    if end < 0:
        raise ApiError(ErrorCode.INVALID_JSON, "The body is not valid JSON: a text has no end")
    return end


def _slashes(text: mmap.mmap, start: int, end: int) -> int:
    before = text[max(start, end - MOST_SLASHES) : end]
    count = len(before) - len(before.rstrip(b"\\"))
    if count == MOST_SLASHES:
        raise ApiError(ErrorCode.INVALID_VALUE, f"The body has {MOST_SLASHES} backslashes in a row")
    return count


def _read(rest: bytes, depth: int) -> MediaAsk:
    value = parse_object(rest, depth=depth)
    try:
        ask = MediaAsk.model_validate(value)
    except ValidationError as error:
        raise invalid_request(error, value) from error
    return ask.model_copy(update={"filename": safe_filename(ask.filename)})
