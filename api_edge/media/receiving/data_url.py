"""Data URLs (RFC 2397), decoded into a file a piece at a time."""

import binascii
import json
import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote_to_bytes

from api_edge.media.receiving.claims import told_type
from api_edge.media.receiving.incoming import ReceiveLimits, too_large
from api_edge.media.receiving.writing import HashedFile, Received
from contracts.errors import ApiError, ErrorCode
from infra.settings import KIB

PARAM = "source.data_url"
MOST_HEAD = 256
"""Characters before the comma."""
PIECE = 256 * KIB


@dataclass(frozen=True)
class Text:
    """A data URL where it stands: alone, or between the quotes of a JSON text."""

    source: bytes | mmap.mmap
    start: int
    end: int
    is_escaped: bool
    """Whether JSON's escapes are in it."""


def decoded(text: Text, path: Path, limits: ReceiveLimits) -> Received:
    """Write the bytes of a data URL to a file. Raises ApiError."""
    head = text.source[text.start : min(text.end, text.start + MOST_HEAD)]
    comma = head.find(b",")
    if not head.lower().startswith(b"data:") or comma < 0:
        raise bad("must begin as data:image/png;base64, with its own type")
    about = _unescaped(head[5:comma]) if text.is_escaped else head[5:comma]
    kind, _, rest = about.decode("latin-1").partition(";")
    mime = told_type(kind, PARAM)
    is_base64 = rest.split(";")[-1].strip().lower() == "base64"
    pieces = _pieces(text, text.start + comma + 1)
    with HashedFile(path) as file:
        for part in _of_base64(pieces) if is_base64 else _of_percents(pieces):
            if file.size + len(part) > limits.most:
                raise too_large(limits, PARAM)
            file.put([part])
        if not file.size:
            raise bad("is empty")
        return Received(file.size, file.close(), None, mime)


def bad(why: str) -> ApiError:
    """What is wrong with a data URL."""
    return ApiError(ErrorCode.INVALID_VALUE, f"{PARAM} {why}", param=PARAM)


def _pieces(text: Text, start: int) -> Iterator[bytes]:
    """The text with JSON's escapes undone, none of them cut."""
    while start < text.end:
        piece = text.source[start : min(text.end, start + PIECE)]
        if text.is_escaped and b"\\" in piece:
            if start + len(piece) < text.end:
                piece = piece[: _uncut(piece)]
            yield _unescaped(piece)
        else:
            yield piece
        start += len(piece)


def _uncut(piece: bytes) -> int:
    """How much of a piece can be read when its last escape may go on behind it."""
    cut = piece.rfind(b"\\", len(piece) - 6)
    if cut <= 0:
        return len(piece)
    slashes = len(piece[:cut]) - len(piece[:cut].rstrip(b"\\"))
    return cut - slashes % 2  # of a pair, both stay together


def _unescaped(piece: bytes) -> bytes:
    try:
        text: str = json.loads(b'"' + piece + b'"')
        return text.encode("ascii")
    except ValueError as error:
        raise bad("holds what is neither base64 nor percent-encoded") from error


def _of_base64(texts: Iterator[bytes]) -> Iterator[bytes]:
    """RFC 4648 section 4: the standard alphabet and nothing else; padding may be left out at the end."""
    left = b""
    is_over = False
    for text in texts:
        if is_over:
            raise bad("goes on behind its padding")
        left += text
        whole = len(left) - len(left) % 4
        yield _plain(left[:whole])
        is_over = left[:whole].endswith(b"=")
        left = left[whole:]
    if left:
        if is_over:
            raise bad("goes on behind its padding")
        if b"=" in left:
            raise bad("has half of its padding")
        yield _plain(left + b"=" * (-len(left) % 4))


def _plain(text: bytes) -> bytes:
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error as error:
        raise bad("is no base64 of the standard alphabet") from error


def _of_percents(texts: Iterator[bytes]) -> Iterator[bytes]:
    left = b""
    for text in texts:
        if not (text.isascii() and text.decode("ascii").isprintable()):
            raise bad("holds what is neither base64 nor percent-encoded")
        left += text
        cut = left.rfind(b"%", len(left) - 2)
        whole = len(left) if cut < 0 else cut
        yield unquote_to_bytes(left[:whole])
        left = left[whole:]
    yield unquote_to_bytes(left)
