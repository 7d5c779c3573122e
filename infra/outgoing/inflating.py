"""Inflates compressed bodies piece by piece, and never more of them than is asked for."""

import zlib

from aiohttp import ClientPayloadError

GZIP = 16 + zlib.MAX_WBITS
"""zlib's window bits for gzip's wrapping."""
RAW = -zlib.MAX_WBITS
"""And for none: what some servers send as deflate."""
METHOD = 0x0F
DEFLATE = 0x08
"""The lower half of a zlib header's first byte (RFC 1950, section 2.2)."""
ENCODINGS = frozenset({"gzip", "x-gzip", "deflate"})


class Inflater:
    """The state of one body."""

    def __init__(self, encoding: str) -> None:
        """`encoding`: one of ENCODINGS."""
        self._wraps_gzip = encoding != "deflate"
        self._state: zlib._Decompress | None = None

    @property
    def is_whole(self) -> bool:
        """Whether the compressed body has ended. One without a single byte is empty, and whole."""
        return self._state is None or self._state.eof

    def take(self, piece: bytes, most: int) -> bytes:
        """What a piece inflates to, at most so many bytes (at least 1; with as many the rest is lost).

        Raises ClientPayloadError where it is broken, and where more comes after its end.
        """
        if self._state is None:
            self._state = zlib.decompressobj(self._bits(piece))
        elif self._state.eof:
            raise ClientPayloadError("something follows its end")
        try:
            data = self._state.decompress(piece, most)
        except zlib.error as error:
            raise ClientPayloadError("broken") from error
        if self._state.unused_data:
            raise ClientPayloadError("something follows its end")
        return data

    def _bits(self, first: bytes) -> int:
        if self._wraps_gzip:
            return GZIP
        return zlib.MAX_WBITS if first[0] & METHOD == DEFLATE else RAW
