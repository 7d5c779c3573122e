"""Downloads over a real connection, from a store that may fail at any piece."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import aiohttp
import pytest
import uvicorn
from prometheus_client import CollectorRegistry
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from api_edge.media.content import Reading, content_of
from api_edge.middleware.conventions import Conventions
from infra.objects import ObjectError, ObjectMissing
from infra.store.media import STORED, MediaRow
from infra.telemetry.metrics import EdgeMetrics

NOW = datetime(2026, 6, 1, tzinfo=UTC)
PIECE = 64 * 1024
PIECES = 40
DATA = bytes(range(256)) * (PIECE * PIECES // 256)
SIZE = len(DATA)
LIMIT = 10.0
ETAG = '"' + "a" * 64 + '"'


@dataclass
class Store:
    """One object in pieces, of which one may not come."""

    failure: Exception | None = None
    fails_at: int = PIECES
    asked: list[tuple[int, int | None]] = field(default_factory=list)

    async def read(self, key: str, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        assert key == "media/t/first"
        self.asked.append((start, length))
        end = SIZE if length is None else start + length
        for number, at in enumerate(range(start, end, PIECE)):
            if self.failure is not None and number == self.fails_at:
                raise self.failure
            yield DATA[at : min(at + PIECE, end)]


class Endless:
    """An object without an end, and whether its reader has stopped."""

    def __init__(self) -> None:
        self.is_left = asyncio.Event()

    async def read(self, key: str, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        try:
            while True:
                await asyncio.sleep(0)  # the store's own reading lets others run, too
                yield bytes(PIECE)
        finally:
            self.is_left.set()


def row_of(filename: str | None = "a.png", size: int = SIZE) -> MediaRow:
    return MediaRow(
        media_id="jan_1",
        tenant="t",
        user_id="u",
        state=STORED,
        object_key="media/t/first",
        mime="image/png",
        bytes=size,
        sha256="a" * 64,
        filename=filename,
        created_at=NOW,
        expires_at=NOW,
    )


@asynccontextmanager
async def served(store: Reading, row: MediaRow | None = None) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of a server that has one file."""
    told = row or row_of()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        answer = await content_of(store, told, Headers(scope=scope), has_body=scope["method"] == "GET")
        await answer(scope, receive, send)

    whole = Conventions(app, EdgeMetrics(CollectorRegistry()), lambda _: "/content")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(whole, log_config=None, lifespan="off"))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(server.serve(sockets=[listening]))
            url = f"http://127.0.0.1:{listening.getsockname()[1]}"
            async with aiohttp.ClientSession(url, timeout=aiohttp.ClientTimeout(total=LIMIT)) as client:
                yield client
            server.should_exit = True


async def test_the_whole_file_comes_with_what_keeps_browsers_from_running_it() -> None:
    row = row_of('<b>"grün".png')

    async with served(Store(), row) as client, client.get("/") as answer:
        is_whole = await answer.read() == DATA

    assert (answer.status, is_whole) == (200, True)
    headers = answer.headers
    assert (headers["Content-Length"], headers["Content-Type"]) == (str(SIZE), "image/png")
    assert (headers["ETag"], headers["Accept-Ranges"]) == (ETAG, "bytes")
    assert headers.getall("X-Content-Type-Options") == ["nosniff"]
    assert headers.getall("Content-Security-Policy") == ["default-src 'none'; sandbox"]
    assert headers.getall("Cache-Control") == ["private, max-age=300"]
    assert headers["Content-Disposition"].startswith('inline; filename="_b__gr_n_.png"; filename*=UTF-8')


@pytest.mark.parametrize(
    ("condition", "status"),
    [
        ({}, 206),
        ({"If-Range": ETAG}, 206),
        ({"If-Range": f"W/{ETAG}"}, 200),  # only strong validators count (RFC 9110 section 13.1.5)
        ({"If-Range": '"other"'}, 200),
        ({"If-Range": "Mon, 01 Jun 2026 00:00:00 GMT"}, 200),
        ({"If-None-Match": ETAG}, 304),
        ({"If-None-Match": '"other"'}, 206),
    ],
)
async def test_conditions_are_kept(condition: dict[str, str], status: int) -> None:
    headers = {"Range": "bytes=70000-70009", **condition}

    async with served(Store()) as client, client.get("/", headers=headers) as answer:
        body = await answer.read()

    assert (answer.status, answer.headers["ETag"]) == (status, ETAG)
    assert body == {200: DATA, 206: DATA[70_000:70_010], 304: b""}[status]


@pytest.mark.parametrize("asked", ["bytes=0-9", f"bytes={SIZE}-"])
async def test_head_has_no_ranges_and_asks_the_store_for_nothing(asked: str) -> None:
    store = Store()

    async with served(store) as client, client.head("/", headers={"Range": asked}) as answer:
        assert await answer.read() == b""

    assert (answer.status, answer.headers["Content-Length"]) == (200, str(SIZE))
    assert "Content-Range" not in answer.headers
    assert store.asked == []


@pytest.mark.parametrize(
    ("failure", "status", "code"),
    [(ObjectError("away"), 503, "dependency_down"), (ObjectMissing(), 404, "media_not_found")],
)
async def test_a_store_that_fails_at_once_is_an_error(failure: Exception, status: int, code: str) -> None:
    async with served(Store(failure, fails_at=0)) as client, client.get("/") as answer:
        told = await answer.json()

    assert (answer.status, told["error"]["code"]) == (status, code)
    assert "ETag" not in answer.headers


async def test_a_store_that_fails_later_cuts_the_connection_and_no_short_file_looks_whole() -> None:
    async with served(Store(ObjectError("away"), fails_at=PIECES - 1)) as client, client.get("/") as answer:
        assert answer.status == 200
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.read()


async def test_a_client_that_goes_away_ends_the_reading() -> None:
    store = Endless()

    async with served(store, row_of(size=1 << 50)) as client:
        async with client.get("/") as answer:
            await answer.content.readexactly(PIECE)
            answer.close()
        async with asyncio.timeout(LIMIT):
            await store.is_left.wait()
