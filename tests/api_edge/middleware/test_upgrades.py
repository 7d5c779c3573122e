"""An offer to speak something else changes nothing, the body of its request included."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from api_edge.middleware.upgrades import PlainProtocol

LIMIT = 10.0
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"


class Echo:
    """Answers with the path and the body."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, bytes]] = []
        self.headers: list[tuple[bytes, bytes]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        self.asked.append((scope["path"], body))
        self.headers = scope["headers"]
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


def offer(body: bytes, *, to: str = "h2c", is_chunked: bool = False, path: str = "/offer") -> bytes:
    length = "Transfer-Encoding: chunked" if is_chunked else f"Content-Length: {len(body)}"
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: a",
        "Connection: Upgrade, HTTP2-Settings",
        f"Upgrade: {to}",
        "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA",
        length,
    ]
    sent = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if is_chunked else body
    return "\r\n".join([*lines, "", ""]).encode() + sent


@asynccontextmanager
async def serving(echo: Echo) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection to a server."""
    config = uvicorn.Config(
        echo, http=PlainProtocol, ws="none", lifespan="off", log_config=None, access_log=False
    )
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        async with asyncio.timeout(LIMIT), asyncio.TaskGroup() as tasks:
            tasks.create_task(server.serve(sockets=[listening]))
            reader, writer = await asyncio.open_connection(*listening.getsockname())
            yield reader, writer
            writer.close()
            server.should_exit = True


async def answered(reader: asyncio.StreamReader, times: int) -> None:
    for _ in range(times):
        assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("to", ["h2c", "websocket", "TLS/1.0"])
@pytest.mark.parametrize("is_chunked", [False, True], ids=["with a length", "chunked"])
async def test_a_request_with_an_offer_keeps_its_body(to: str, *, is_chunked: bool) -> None:
    echo = Echo()

    async with serving(echo) as (reader, writer):
        for _ in range(2):
            writer.write(offer(SMUGGLED, to=to, is_chunked=is_chunked))
            await answered(reader, 1)

    assert echo.asked == [("/offer", SMUGGLED)] * 2
    assert b"upgrade" not in dict(echo.headers)


@pytest.mark.parametrize("is_chunked", [False, True], ids=["with a length", "chunked"])
async def test_an_offer_that_comes_byte_by_byte_smuggles_nothing(*, is_chunked: bool) -> None:
    echo = Echo()

    async with serving(echo) as (reader, writer):
        for byte in offer(SMUGGLED, is_chunked=is_chunked):
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0)
        await answered(reader, 1)

    assert echo.asked == [("/offer", SMUGGLED)]


async def test_offers_in_a_row_are_served_in_their_order() -> None:
    echo = Echo()
    asks = [offer(b"%d" % number, path=f"/{number}") for number in range(1_200)]

    async with serving(echo) as (reader, writer):
        writer.write(b"".join(asks))
        await answered(reader, len(asks))

    assert echo.asked == [(f"/{number}", b"%d" % number) for number in range(len(asks))]


async def test_what_is_no_http_behind_an_offer_is_refused() -> None:
    echo = Echo()

    async with serving(echo) as (reader, writer):
        writer.write(offer(b"hi") + b"NONSENSE\r\n\r\n")
        answers = await reader.read()

    assert b"HTTP/1.1 400 " in answers
    assert len(echo.asked) <= 1
