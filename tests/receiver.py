"""A receiver of webhooks that behaves as it is told, and keeps what it was sent."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

Play = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True)
class Got:
    """One request."""

    path: str
    headers: dict[str, str]
    body: str


def answer(status: str, *headers: str, body: bytes = b"") -> bytes:
    """The bytes of an answer."""
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(head).encode() + body


OK = answer("200 OK")
BROKEN = answer("500 Internal Server Error", body=b"no")
GONE = answer("410 Gone")


async def closing(writer: asyncio.StreamWriter) -> None:
    """Say nothing and close."""


async def hanging(writer: asyncio.StreamWriter) -> None:
    """Say nothing until the other side goes."""
    await asyncio.Event().wait()


async def endless(writer: asyncio.StreamWriter) -> None:
    """An answer whose body never ends."""
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"400\r\n" + b"x" * 1024 + b"\r\n")
        await writer.drain()


@dataclass
class Receiver:
    """Answers what is next in its list, then the usual."""

    port: int = 0
    usual: bytes | Play = OK
    then: deque[bytes | Play] = field(default_factory=deque)
    got: list[Got] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def plays(self, *answers: bytes | Play) -> None:
        """Answer so, one after the other."""
        self.then.extend(answers)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            self.got.append(await _read(reader))
            play = self.then.popleft() if self.then else self.usual
            if callable(play):
                gone = asyncio.ensure_future(reader.read())
                playing = asyncio.ensure_future(play(writer))
                await asyncio.wait([gone, playing], return_when=asyncio.FIRST_COMPLETED)
                gone.cancel()
                playing.cancel()
                await asyncio.gather(gone, playing, return_exceptions=True)
            else:
                writer.write(play)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.at_once -= 1
            writer.close()


async def _read(reader: asyncio.StreamReader) -> Got:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    first, *lines = head.rstrip("\r\n").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Got(first.split(" ")[1], headers, body.decode())


@asynccontextmanager
async def open_receiver() -> AsyncIterator[Receiver]:
    """A receiver on a port of this machine."""
    receiver = Receiver()
    tasks: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(receiver.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
