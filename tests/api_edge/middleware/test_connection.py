"""A client that takes nothing of its answer is dropped, and one that is only slow is not."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from api_edge.middleware.connection import edge_protocol

LIMIT = 10.0
SEND_TIMEOUT = 0.2
PIECE = b"x" * 65_536
ASK = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n"
NARROW = 16 * 1024


class Endless:
    """Sends for as long as somebody takes it."""

    def __init__(self, pieces: int | None = None) -> None:
        self.gone = asyncio.Event()
        self.pieces = pieces
        self.sent = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        watching = asyncio.create_task(self._watch(receive))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while not self.gone.is_set() and self.sent != self.pieces:
            await send({"type": "http.response.body", "body": PIECE, "more_body": True})
            self.sent += 1
        await send({"type": "http.response.body", "body": b""})
        await watching

    async def _watch(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self.gone.set()


async def test_a_client_that_takes_nothing_is_dropped() -> None:
    application = Endless()

    async with _serving(application) as port, asyncio.timeout(LIMIT):
        with _asking(port) as client:
            await asyncio.get_running_loop().sock_sendall(client, ASK)
            await application.gone.wait()

    assert application.sent > 0


async def test_a_client_that_is_slow_gets_everything() -> None:
    application = Endless(pieces=80)
    loop = asyncio.get_running_loop()

    async with _serving(application) as port, asyncio.timeout(LIMIT):
        with _asking(port) as client:
            await loop.sock_sendall(client, ASK)
            until, got = loop.time() + 4 * SEND_TIMEOUT, b""
            while not got.endswith(b"0\r\n\r\n"):
                got = got[-8:] + await loop.sock_recv(client, NARROW if loop.time() < until else 1_000_000)

    assert application.sent == 80


@asynccontextmanager
async def _serving(application: ASGIApp) -> AsyncIterator[int]:
    config = uvicorn.Config(
        application, http=edge_protocol(SEND_TIMEOUT), lifespan="off", log_config=None, access_log=False
    )
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(server.serve(sockets=[listening]))
            yield listening.getsockname()[1]
            server.should_exit = True


@contextmanager
def _asking(port: int) -> Iterator[socket.socket]:
    """A connection with a narrow window."""
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, NARROW)
        client.connect(("127.0.0.1", port))
        client.setblocking(False)  # noqa: FBT003  the socket module's own signature
        yield client
