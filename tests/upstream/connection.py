"""One HTTP/1.1 connection of the scripted provider, down to its resets."""

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import cast

from typing_extensions import override

from tests.upstream.request import Request

Begin = Callable[["Connection", Request], asyncio.Task[None]]
RESET_ON_CLOSE = struct.pack("ii", 1, 0)
"""SO_LINGER of zero seconds: closing sends RST in place of FIN."""


class Connection(asyncio.Protocol):
    """Parses requests, and hands them on one after the other."""

    def __init__(self, number: int, begin: Begin, lost: Callable[["Connection"], None]) -> None:
        self._number = number
        self._begin = begin
        self._lost = lost
        self._buffer = b""
        self._request: Request | None = None
        self._task: asyncio.Task[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # what a stream protocol gets

    @override
    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._buffer[:1].isalpha():
            self._next()
        else:
            self.close()  # TLS, or another protocol that is not ours

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._lost(self)
        self._writable.set()
        if self._request:
            self._request.disconnected.set()
        if self._task:
            self._task.cancel()

    @override
    def pause_writing(self) -> None:
        self._writable.clear()

    @override
    def resume_writing(self) -> None:
        self._writable.set()

    async def write(self, data: bytes) -> None:
        """Send, and wait while the client is slower than that."""
        self._transport.write(data)
        await self._writable.wait()

    def close(self) -> None:
        """Close in an orderly way, FIN."""
        self._transport.close()

    def reset(self) -> None:
        """Close with RST."""
        sock: socket.socket = self._transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        self._transport.abort()

    def answered(self) -> None:
        """The request is answered; the next one may have come already."""
        self._task = None
        self._next()

    def _next(self) -> None:
        """Answer the next request, when it is whole and the one before is answered."""
        if self._task or b"\r\n\r\n" not in self._buffer:
            return
        head, _, rest = self._buffer.partition(b"\r\n\r\n")
        line, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in lines)}
        length = int(headers.get("content-length", "0"))
        if len(rest) < length:
            return
        self._buffer = rest[length:]
        method, path, _ = line.split(" ")
        self._request = Request(method, path, headers, rest[:length], self._number)
        self._task = self._begin(self, self._request)
