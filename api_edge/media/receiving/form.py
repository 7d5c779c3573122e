"""A multipart form with one file (RFC 7578), by a parser that keeps nothing."""

from pathlib import Path
from typing import Final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.types import Receive, Scope

from api_edge.media.receiving.claims import told_filename, told_type
from api_edge.media.receiving.incoming import ReceiveLimits, incoming, too_large
from api_edge.media.receiving.writing import FileWriter, Received
from api_edge.middleware.body import header
from contracts.errors import ApiError, ErrorCode
from infra.settings import KIB, MIB

FORM = b"multipart/form-data"
NAME: Final = b"file"
PARAM = "file"
ROOM = MIB
"""Bytes of a form beside its file."""
MOST_REST = 64 * KIB
"""Bytes of the other fields together."""
MOST_PARTS = 64
MOST_BOUNDARY = 70
"""Characters (RFC 2046 section 5.1.1)."""


async def receive_form(scope: Scope, receive: Receive, path: Path, limits: ReceiveLimits) -> Received:
    """The file of a form, written to `path`. Other fields are read over.

    Raises ApiError: 415 for what is no form, 400 for a broken one, without a file, with two or an empty one,
    413 for a file that is too large; and ClientGone.
    """
    parts = Parts(_boundary(scope), limits)
    writer = FileWriter(path)
    try:
        async for piece in incoming(scope, receive, limits.most + ROOM, limits, PARAM):
            for data in parts.read(piece):
                await writer.write(data)
        sha256 = await writer.finish()
    finally:
        await writer.close()
    mime, filename = parts.ended()
    if not writer.size:
        raise _bad("The file is empty")
    return Received(writer.size, sha256, filename, mime)


class Parts:
    """The parts of a form, as they come."""

    def __init__(self, boundary: bytes, limits: ReceiveLimits) -> None:
        self._limits = limits
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._on_field,
                "on_header_value": self._on_value,
                "on_header_end": self._on_header,
                "on_headers_finished": self._on_headers,
                "on_part_data": self._on_data,
                "on_end": self._on_end,
            },
        )
        self._count = self._size = self._rest = 0
        self._is_file = self._has_file = self._is_over = False
        self._field, self._value = b"", b""
        self._headers: dict[bytes, bytes] = {}
        self._mime: str | None = None
        self._filename: str | None = None
        self._given: list[bytes] = []

    def read(self, piece: bytes) -> list[bytes]:
        """What of a piece belongs to the file. Raises ApiError."""
        try:
            self._parser.write(piece)
        except FormParserError as error:
            raise _bad("The form is broken") from error
        given, self._given = self._given, []
        return given

    def ended(self) -> tuple[str | None, str | None]:
        """The file's type and name, as told. Raises ApiError where the form is not whole, or has no file."""
        if not self._is_over:
            raise _bad("The form is broken: its last boundary is missing")
        if not self._has_file:
            message = "The form has no part named file"
            raise ApiError(ErrorCode.MISSING_PARAMETER, message, param=PARAM)
        return self._mime, self._filename

    def _begin(self) -> None:
        self._count += 1
        if self._count > MOST_PARTS:
            raise _bad(f"The form has more than {MOST_PARTS} parts")
        self._headers = {}
        self._is_file = False

    def _on_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _on_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header(self) -> None:
        self._headers[self._field.lower()] = self._value
        self._field, self._value = b"", b""

    def _on_headers(self) -> None:
        told = self._headers.get(b"content-disposition", b"").decode("latin-1")
        _, options = parse_options_header(told)
        if options.get(b"name") != NAME:
            return
        if self._has_file:
            raise _bad("The form has two files: send one at a time")
        self._is_file = self._has_file = True
        self._filename = told_filename(told, options.get(b"filename"))
        self._mime = told_type(self._headers.get(b"content-type", b"").decode("latin-1"), PARAM)

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        if self._is_file:
            self._size += end - start
            if self._size > self._limits.most:
                raise too_large(self._limits, PARAM)
            self._given.append(data[start:end])
            return
        self._rest += end - start
        if self._rest > MOST_REST:
            message = f"The fields beside the file may have at most {MOST_REST:,} bytes"
            raise ApiError(ErrorCode.BODY_TOO_LARGE, message)

    def _on_end(self) -> None:
        self._is_over = True


def _boundary(scope: Scope) -> bytes:
    told = header(scope, b"content-type") or b""
    kind, options = parse_options_header(told.decode("latin-1"))
    boundary = options.get(b"boundary", b"")
    if kind != FORM or not boundary:
        message = "Content-Type must be multipart/form-data, with its boundary"
        raise ApiError(ErrorCode.UNSUPPORTED_MEDIA_TYPE, message)
    if (header(scope, b"content-encoding") or b"identity").strip().lower() != b"identity":
        raise ApiError(ErrorCode.UNSUPPORTED_MEDIA_TYPE, "The body must not be compressed")
    if len(boundary) > MOST_BOUNDARY:
        raise _bad(f"The form's boundary is longer than {MOST_BOUNDARY} characters")
    return boundary


def _bad(message: str) -> ApiError:
    return ApiError(ErrorCode.INVALID_VALUE, message, param=PARAM)
