"""HTTP by hand, for requests that no client would send and answers byte for byte."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from tests.acceptance.asking import Json
from tests.acceptance.waiting import LIMIT


@dataclass
class Answer:
    """A whole answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Json:
        """The body."""
        value: Json = json.loads(self.body)
        return value


class Raw:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        """Write bytes as they are."""
        async with asyncio.timeout(LIMIT):
            self._writer.write(data)
            await self._writer.drain()

    async def head(self) -> Answer:
        """Read an answer's head."""
        async with asyncio.timeout(LIMIT):
            head = await self._reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").rstrip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        return Answer(int(first.split(" ")[1]), headers, b"")

    async def answer(self) -> Answer:
        """Read a whole answer."""
        answer = await self.head()
        if "content-length" in answer.headers:
            async with asyncio.timeout(LIMIT):
                answer.body = await self._reader.readexactly(int(answer.headers["content-length"]))
            return answer
        assert answer.headers["transfer-encoding"] == "chunked"
        while piece := await self.piece():
            answer.body += piece
        return answer

    async def piece(self) -> bytes:
        """Read one piece of a chunked body; empty at its end. Raises IncompleteReadError when it is cut."""
        async with asyncio.timeout(LIMIT):
            size = int(await self._reader.readuntil(b"\r\n"), 16)
            piece = await self._reader.readexactly(size + 2)
        assert piece.endswith(b"\r\n")
        return piece[:-2]

    async def is_closed(self) -> bool:
        """Whether the server closed the connection, waiting for it."""
        async with asyncio.timeout(LIMIT):
            return await self._reader.read(1) == b""


@asynccontextmanager
async def open_raw(url: str) -> AsyncIterator[Raw]:
    """A connection to a server, until the block ends."""
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        yield Raw(reader, writer)
    finally:
        writer.transport.abort()


def request(path: str, body: bytes, *headers: str, method: str = "POST", length: int | None = None) -> bytes:
    """A request's bytes; the length may lie."""
    size = len(body) if length is None else length
    lines = [f"{method} {path} HTTP/1.1", "Host: test", "Content-Type: application/json"]
    return "\r\n".join([*lines, f"Content-Length: {size}", *headers, "", ""]).encode() + body
