"""What a program prints: read as it comes, kept up to a limit."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import FileIO

PIECE = 64 * 1024
FLOOD = 8
"""So many times the limit is read and dropped; who prints more is ended."""


class Flooded(Exception):
    """Far more was printed than anybody reads."""


class Kept:
    """The beginning of a stream."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept = bytearray()
        self._seen = 0

    @property
    def is_truncated(self) -> bool:
        """Whether there was more."""
        return self._seen > self._most

    @property
    def text(self) -> str:
        """As UTF-8, with what is not replaced, and without NULs, which no database keeps."""
        text = bytes(self._kept).decode("utf-8", "replace")
        return text.replace("\0", "")

    @property
    def raw(self) -> bytes:
        """As it came."""
        return bytes(self._kept)

    async def read(self, stream: asyncio.StreamReader, flood: int = FLOOD) -> None:
        """Until its end. Raises Flooded."""
        while piece := await stream.read(PIECE):
            self._kept += piece[: max(0, self._most - self._seen)]
            self._seen += len(piece)
            if self._seen > self._most * flood:
                raise Flooded


@asynccontextmanager
async def pipe() -> AsyncIterator[tuple[asyncio.StreamReader, FileIO]]:
    """A stream, and the file into which a child writes it: to be closed here once the child has it."""
    loop = asyncio.get_running_loop()
    read_fd, write_fd = os.pipe()
    stream = asyncio.StreamReader()
    with FileIO(write_fd, "wb") as sink:
        transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(stream), FileIO(read_fd, "rb")
        )
        try:
            yield stream, sink
        finally:
            transport.close()
