"""The bytes of media, as RFC 9110 has files: ETag, conditional requests, one range."""

import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from starlette.responses import Response, StreamingResponse

from contracts.errors import ApiError, ErrorCode
from infra.objects import ObjectMissing
from infra.presigning import disposition
from infra.store.media import MediaRow, no_media

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


class Reading(Protocol):
    """The store, piece by piece."""

    def read(self, key: str, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        """An object's bytes from `start` on. Raises ApiError."""


class BadRange(ApiError):
    """A range that begins behind the end."""

    def __init__(self, size: int) -> None:
        super().__init__(ErrorCode.RANGE_NOT_SATISFIABLE, f"The file has {size:,} bytes", param="Range")
        self.size = size


@dataclass(frozen=True)
class Span:
    """Bytes of a file: the first, and how many."""

    start: int
    length: int


async def content_of(
    objects: Reading, row: MediaRow, headers: Mapping[str, str], *, has_body: bool
) -> Response:
    """The answer to a request for a file's bytes. Raises ApiError: BadRange; 404 when its object
    has just gone; 503.

    Where the store fails later, the connection is cut: a short file never looks whole.
    """
    etag = f'"{row.sha256}"'
    told = safe_headers(row) | {"ETag": etag, "Accept-Ranges": "bytes"}
    if _matches(headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=told)
    span = None
    if has_body and headers.get("if-range") in {None, etag}:  # only GET has ranges (RFC 9110 section 14.2)
        span = span_of(headers.get("range"), row.bytes)
    whole = span or Span(0, row.bytes)
    told["Content-Length"] = str(whole.length)
    if span is not None:
        told["Content-Range"] = f"bytes {span.start}-{span.start + span.length - 1}/{row.bytes}"
    status = 200 if span is None else 206
    if not has_body:
        return Response(status_code=status, headers=told, media_type=row.mime)
    pieces = objects.read(row.object_key, whole.start, whole.length)
    try:
        first = await anext(pieces)
    except ObjectMissing as error:
        raise no_media(row.media_id) from error
    return StreamingResponse(_chained(first, pieces), status, told, row.mime)


def safe_headers(row: MediaRow) -> dict[str, str]:
    """What keeps a browser from running what a file may hold, beside what all answers tell."""
    return {
        "Content-Disposition": disposition(row.filename, row.mime),
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cross-Origin-Resource-Policy": "cross-origin",
        "Cache-Control": "private, max-age=300",
    }


def span_of(asked: str | None, size: int) -> Span | None:
    """The one range that is asked for; None for the whole, as with several, or with none that can be read
    (RFC 9110 section 14.2). Raises BadRange."""
    found = _RANGE.fullmatch((asked or "").replace(" ", "").lower())
    if found is None or found[1] == found[2] == "":
        return None
    if not found[1]:
        length = min(int(found[2]), size)
        if not length:
            raise BadRange(size)
        return Span(size - length, length)
    start = int(found[1])
    end = min(int(found[2]), size - 1) if found[2] else size - 1
    if found[2] and int(found[2]) < start:
        return None
    if start >= size:
        raise BadRange(size)
    return Span(start, end - start + 1)


def _matches(told: str | None, etag: str) -> bool:
    if told is None:
        return False
    tags = (tag.strip().removeprefix("W/") for tag in told.split(","))
    return told.strip() == "*" or etag in tags


async def _chained(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece
