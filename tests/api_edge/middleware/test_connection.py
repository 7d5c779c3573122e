"""What a connection bears: slow clients, heads that never end or say two things, and so many at once."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import pytest
import uvicorn
from prometheus_client import CollectorRegistry
from starlette.types import ASGIApp, Receive, Scope, Send

from api_edge.middleware.address import networks
from api_edge.middleware.connection import Connections, edge_protocol
from infra.settings import EdgeSettings
from infra.telemetry.metrics import ConnectionMetrics

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


class Echo:
    """Answers each request with its path, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Scope] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked.append(scope)
        while (await receive()).get("more_body", False):
            pass
        body = scope["path"].encode()
        headers = [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


@pytest.mark.parametrize(
    "sent",
    [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: test\r\nX-A: ", b"\r\n\r\n", ASK + b"GET / HTTP/1.1\r\n"],
    ids=["silence", "half a line", "half a header", "empty lines", "a second head after an answer"],
)
async def test_a_head_that_does_not_come_is_not_waited_for(sent: bytes) -> None:
    echo = Echo()

    async with _serving(echo, head_timeout=0.2) as port, asyncio.timeout(LIMIT):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        answers = await reader.read()
        writer.close()

    assert answers.count(b"HTTP/1.1 200") == len(echo.asked) == sent.count(ASK)


async def test_a_connection_that_rests_between_requests_is_kept() -> None:
    echo = Echo()

    async with _serving(echo, head_timeout=0.05) as port, asyncio.timeout(LIMIT):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(3):
            writer.write(ASK)
            await reader.readuntil(b"\r\n\r\n/")
            await passed(0.1)
        writer.close()

    assert len(echo.asked) == 3


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (b"GET /" + b"a" * 3_000 + b" HTTP/1.1\r\nHost: test\r\n\r\n", 414, "uri_too_long"),
        (b"GET / HTTP/1.1\r\nHost: test\r\nX-A: " + b"a" * 9_000 + b"\r\n\r\n", 431, "headers_too_large"),
        (b"GET / HTTP/1.1\r\nHost: test\r\nX-A: " + b"a" * 9_000, 431, "headers_too_large"),
        (b"GET / HTTP/1.1\r\nHost: test\r\n" + b"X-A: b\r\n" * 40 + b"\r\n", 431, "headers_too_large"),
        (b"GET / HTTP/1.1\r\n\r\n", 400, "invalid_value"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, "invalid_value"),
        (
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            400,
            "invalid_value",
        ),
        (
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            400,
            "invalid_value",
        ),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400, "invalid_value"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX-A: b\x00c\r\n\r\n", 400, "invalid_value"),
        (b"NONSENSE\r\n\r\n", 400, "invalid_value"),
        (b"CONNECT other:80 HTTP/1.1\r\nHost: other:80\r\n\r\n", 400, "invalid_value"),
        (b"CONNECT /abc HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "invalid_value"),
    ],
    ids=[
        "long target",
        "long header",
        "long header without an end",
        "many headers",
        "no host",
        "two hosts",
        "length and chunks",
        "two lengths",
        "negative length",
        "NUL in a header",
        "no HTTP",
        "a proxy's method",
        "a proxy's method with a path",
    ],
)
async def test_a_head_that_is_too_much_or_two_things_at_once_is_refused(
    sent: bytes, status: int, code: str
) -> None:
    echo = Echo()

    async with (
        _serving(echo, max_head=8_000, max_target=2_000, max_headers=30) as port,
        asyncio.timeout(LIMIT),
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()

    error = json.loads(body)["error"]
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert (error["code"], error["param"]) == (code, None)
    assert f"x-request-id: {error['request_id']}".encode() in head
    assert echo.asked == []


async def test_a_target_in_absolute_form_and_an_older_version_are_served() -> None:
    echo = Echo()

    async with _serving(echo) as port, asyncio.timeout(LIMIT):
        for sent in (
            b"GET http://other.example/abc HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n",
            b"GET /abc HTTP/1.0\r\n\r\n",
            b"TRACE /abc HTTP/1.0\r\n\r\n",
        ):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(sent)
            assert (await reader.read()).endswith(b"/abc")
            writer.close()


async def test_requests_in_a_row_without_waiting_are_answered_in_their_order() -> None:
    echo = Echo()
    asks = [b"GET /%d HTTP/1.1\r\nHost: test\r\n\r\n" % number for number in range(20)]

    async with _serving(echo, max_head=200) as port, asyncio.timeout(LIMIT):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"".join(asks))
        for number in range(20):
            await reader.readuntil(b"\r\n\r\n/%d" % number)
        writer.close()


async def test_a_body_larger_than_a_head_may_be_is_no_head() -> None:
    echo = Echo()
    head = b"POST /abc HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: 50000\r\n\r\n"

    async with _serving(echo, max_head=1_000) as port, asyncio.timeout(LIMIT):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head + b"x" * 50_000)
        assert (await reader.read()).endswith(b"/abc")
        writer.close()


async def test_connections_beyond_the_most_are_closed_and_those_within_served() -> None:
    echo = Echo()

    async with _serving(echo, max_connections=3) as port, asyncio.timeout(LIMIT):
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        extra, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(ASK)
        assert await unanswered(extra)
        for reader, own in held:
            own.write(ASK)
            await reader.readuntil(b"\r\n\r\n/")
            own.close()
        writer.close()

    assert len(echo.asked) == 3


def test_an_address_has_its_share_of_connections_and_a_trusted_proxy_all() -> None:
    settings = EdgeSettings(max_connections=4, max_connections_per_address=2)
    registry = CollectorRegistry()
    counted = Connections(settings, networks(["10.0.0.0/8"]), ConnectionMetrics(registry))

    taken = [counted.enter("192.0.2.1") for _ in range(3)] + [counted.enter("10.1.1.1") for _ in range(3)]
    counted.leave("192.0.2.1")

    assert taken == [True, True, False, True, True, False]
    assert len(counted) == registry.get_sample_value("jan_connections_open") == 3
    for limit in ("all", "address"):
        assert registry.get_sample_value("jan_connections_refused_total", {"limit": limit}) == 1
    assert counted.enter("192.0.2.1")


async def unanswered(reader: asyncio.StreamReader) -> bool:
    """Whether a connection ends without an answer."""
    try:
        return await reader.read() == b""
    except ConnectionResetError:
        return True


async def passed(seconds: float) -> None:
    """Let the loop's own clock go on: what is waited for is that nothing happens."""
    loop = asyncio.get_running_loop()
    over = loop.create_future()
    loop.call_later(seconds, over.set_result, None)
    await over


@asynccontextmanager
async def _serving(application: ASGIApp, **given: float) -> AsyncIterator[int]:
    settings = EdgeSettings.model_validate({"send_timeout": SEND_TIMEOUT, **given})
    connections = Connections(settings, (), ConnectionMetrics(CollectorRegistry()))
    config = uvicorn.Config(
        application,
        http=edge_protocol(settings, connections),
        lifespan="off",
        log_config=None,
        access_log=False,
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
