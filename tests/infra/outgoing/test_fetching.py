"""Remote files: from servers that behave, and from those that do not."""

import asyncio
import gzip
import socket
import tracemalloc
import zlib
from dataclasses import replace
from pathlib import Path

import pytest

from contracts.errors import ApiError
from infra.outgoing.fetching import Fetched
from infra.outgoing.saving import NotSaved
from tests.infra.outgoing.conftest import Meaning
from tests.infra.outgoing.remote import (
    BODY,
    LIMITS,
    MOST,
    Remote,
    answer,
    fetched,
    fetcher,
    is_empty,
    moved,
    refused,
)

CUT = "fetched: its body is cut or broken"
NO_HTTP = "fetched: it does not speak HTTP as it should"
TOO_LARGE = (413, "fetched: it has more than 100,000 bytes")
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
UNTIL_CLOSED = b"HTTP/1.1 200 OK\r\nConnection: close\r\n"
GZIPPED = "Content-Encoding: gzip"
IMPATIENT = replace(LIMITS, total=0.3)
HASTY = replace(LIMITS, silence=0.2)


async def test_a_file_is_fetched_with_what_its_server_says_of_it(remote: Remote, tmp_path: Path) -> None:
    told = await fetched(remote, tmp_path, answer(BODY, "Content-Type: Image/PNG; q=1"))

    assert told == Fetched(f"{remote.url}/a.png", "image/png", "a.png", None, len(BODY))
    assert _read(tmp_path) == BODY


async def test_a_file_may_be_empty_and_of_no_type(remote: Remote, tmp_path: Path) -> None:
    told = await fetched(remote, tmp_path, answer(b"", "Content-Type: what\udcff ever"))

    assert (told.size, told.content_type) == (0, None)
    assert _read(tmp_path) == b""


@pytest.mark.parametrize(
    "answered",
    [
        answer(b"x" * MOST),
        answer(gzip.compress(b"x" * MOST), GZIPPED),
        UNTIL_CLOSED + b"\r\n" + b"x" * MOST,
        CHUNKED + f"{MOST:x}\r\n".encode() + b"x" * MOST + b"\r\n0\r\n\r\n",
    ],
    ids=["told", "compressed", "untold", "chunked"],
)
async def test_a_file_may_have_as_many_bytes_as_the_limit(
    remote: Remote, tmp_path: Path, answered: bytes
) -> None:
    assert (await fetched(remote, tmp_path, answered)).size == MOST
    assert _read(tmp_path) == b"x" * MOST


async def test_a_file_of_many_pieces_comes_in_order(remote: Remote, tmp_path: Path) -> None:
    body = b"".join(number.to_bytes(4) for number in range(1_000_000))

    told = await fetched(remote, tmp_path, answer(body), replace(LIMITS, most=len(body)))

    assert told.size == len(body)
    assert _read(tmp_path) == body


async def test_its_server_may_name_the_file(remote: Remote, tmp_path: Path) -> None:
    header = 'Content-Disposition: attachment; filename="../../etc/b.png"'

    assert (await fetched(remote, tmp_path, answer(BODY, header))).filename == "b.png"


async def test_nothing_of_ours_goes_along(
    remote: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    remote.answers["/b"] = answer(BODY)

    await fetched(remote, tmp_path, answer(b"", "Location: /b", "Set-Cookie: a=b", status="302 Found"))

    assert len(remote.heads) == 2
    for head in remote.heads:
        names = {line.partition(b":")[0].lower() for line in head.split(b"\r\n")[1:] if line}
        assert names <= {b"host", b"user-agent", b"accept", b"accept-encoding", b"connection"}


@pytest.mark.parametrize("path", ["/a%2Fb.png?sig=%2F%3D+%20&x=a%3Db&y=", "/%7Euser/a;b,c?x=%e4", "/?q"])
async def test_an_address_is_asked_as_it_was_given(remote: Remote, tmp_path: Path, path: str) -> None:
    """Signatures in it hold for these very characters."""
    remote.answers[path] = answer(BODY)

    async with fetcher() as opened:
        await opened.fetch(remote.url + path, tmp_path / "file")

    assert _read(tmp_path) == BODY


@pytest.mark.parametrize(
    ("encoding", "data"),
    [
        ("gzip", gzip.compress(BODY)),
        ("GZIP ", gzip.compress(BODY)),
        ("x-gzip", gzip.compress(BODY)),
        ("deflate", zlib.compress(BODY)),
        ("deflate", zlib.compress(BODY)[2:-4]),
        ("identity", BODY),
    ],
)
async def test_what_is_compressed_is_inflated(
    remote: Remote, tmp_path: Path, encoding: str, data: bytes
) -> None:
    told = await fetched(remote, tmp_path, answer(data, f"Content-Encoding: {encoding}"))

    assert told.size == len(BODY)
    assert _read(tmp_path) == BODY


@pytest.mark.parametrize("status", ["301 A", "302 B", "303 C", "307 D", "308 E"])
async def test_a_redirect_is_followed(remote: Remote, tmp_path: Path, status: str) -> None:
    remote.answers["/there/b.png"] = answer(BODY)

    told = await fetched(remote, tmp_path, moved("there/b.png#part", status))

    assert (told.url, told.filename) == (f"{remote.url}/there/b.png", "b.png")


async def test_redirects_are_followed_as_often_as_the_limit_says(remote: Remote, tmp_path: Path) -> None:
    for step in range(3):
        remote.answers[f"/{step}"] = moved(f"/{step + 1}")
    remote.answers["/3"] = answer(BODY)

    limits = replace(LIMITS, redirects=3)

    told = await refused(remote, tmp_path, moved("/0"), limits)

    assert told == (400, "fetched: it redirects too often")
    assert (await fetched(remote, tmp_path, moved("/1"), limits)).size == len(BODY)


@pytest.mark.parametrize(
    ("answered", "message"),
    [
        (answer(b"", status="404 Not Found"), "fetched: it answered 404"),
        (answer(b"secret", status="500 Oh"), "fetched: it answered 500"),
        (answer(BODY, status="206 Partial Content"), "fetched: it answered 206"),
        (answer(b"", status="304 Not Modified"), "fetched: it answered 304"),
        (answer(b"", status="302 Found"), "fetched: it answered 302"),
        (answer(b"", "Upgrade: x", "Connection: upgrade", status="101 Switch"), "fetched: it answered 101"),
        (answer(BODY, length=len(BODY) + 1), CUT),
        (answer(gzip.compress(BODY)[:-9], GZIPPED), CUT),
        (answer(gzip.compress(BODY) + b"more", GZIPPED), CUT),
        (answer(gzip.compress(BODY) * 2, GZIPPED), CUT),
        (answer(BODY, GZIPPED), CUT),
        (CHUNKED + b"5\r\nhel", CUT),
        (CHUNKED + b"5\r\nhello\r\n", CUT),
        (
            answer(BODY, "Content-Encoding: br"),
            "fetched: its body is compressed in a way that was not asked for",
        ),
        (
            answer(BODY, "Content-Encoding: gzip, gzip"),
            "fetched: its body is compressed in a way that was not asked for",
        ),
        (b"", "fetched: it closed the connection"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", "fetched: it closed the connection"),
        (b"NONSENSE\r\n\r\n", NO_HTTP),
        (b"HTTP/1.1 99999 OK\r\n\r\n", NO_HTTP),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n", NO_HTTP),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100_000 + b"\r\n", NO_HTTP),
        (CHUNKED + b"1\r\nx\r\n0\r\n" + b"X: y\r\n" * 100_000, NO_HTTP),
        (CHUNKED + b"ZZ\r\nhello\r\n0\r\n\r\n", NO_HTTP),
        (answer(b"hello", "Content-Length: 9"), NO_HTTP),
        (answer(b"hello", "Transfer-Encoding: chunked"), NO_HTTP),
        (answer(b"", length=-1), NO_HTTP),
        (moved("/a.png"), "fetched: it redirects too often"),
        (moved(""), "fetched: it redirects too often"),
    ],
)
async def test_what_is_wrong_with_an_answer_is_told(
    remote: Remote, tmp_path: Path, answered: bytes, message: str
) -> None:
    assert await refused(remote, tmp_path, answered) == (400, message)


EMPTY_BLOCK = b"\x00\x00\x00\xff\xff"
"""Of deflate: it inflates to nothing."""


@pytest.mark.parametrize(
    "answered",
    [
        answer(b"x" * (MOST + 1)),
        answer(b"", length=10**15),
        answer(gzip.compress(bytes(50_000_000)), GZIPPED),
        answer(gzip.compress(bytes(MOST + 1)), GZIPPED),
        answer(zlib.compress(bytes(50_000_000)), "Content-Encoding: deflate"),
        CHUNKED + f"{MOST + 1:x}\r\n".encode() + b"x" * (MOST + 1) + b"\r\n0\r\n\r\n",
        UNTIL_CLOSED + b"Content-Encoding: deflate\r\n\r\n\x78\x9c" + EMPTY_BLOCK * MOST,
    ],
    ids=["long", "told", "bomb", "one too many", "deflated bomb", "chunk", "nothing for ever"],
)
async def test_more_than_the_limit_is_refused(remote: Remote, tmp_path: Path, answered: bytes) -> None:
    assert await refused(remote, tmp_path, answered) == TOO_LARGE


async def test_a_bomb_takes_no_more_room_than_the_limit(remote: Remote, tmp_path: Path) -> None:
    bomb = answer(gzip.compress(bytes(50_000_000)), GZIPPED)

    tracemalloc.start()
    try:
        told = await refused(remote, tmp_path, bomb)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert told == TOO_LARGE
    assert peak < 5_000_000


async def test_a_body_without_end_is_stopped(remote: Remote, tmp_path: Path) -> None:
    async def pour(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(UNTIL_CLOSED + b"\r\n")
        while True:
            writer.write(bytes(10_000))
            await writer.drain()

    assert await refused(remote, tmp_path, pour) == TOO_LARGE


@pytest.mark.parametrize("first", [b"", answer(b"x", length=9)], ids=["silent", "stuck"])
async def test_a_server_that_says_no_more_is_not_waited_for(
    remote: Remote, tmp_path: Path, first: bytes
) -> None:
    async def stay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        await reader.read()

    told = await refused(remote, tmp_path, stay, HASTY)

    assert told == (400, "fetched: it sent nothing for 0.2 seconds")


@pytest.mark.parametrize(
    ("first", "drop"),
    [(answer(b"", length=90_000), b"x"), (b"", b"HTTP/1.1 100 Continue\r\n\r\n")],
    ids=["body", "promises"],
)
async def test_a_server_that_drips_is_not_waited_for(
    remote: Remote, tmp_path: Path, first: bytes, drop: bytes
) -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        gone = asyncio.ensure_future(reader.read())
        while not gone.done():
            writer.write(drop)
            await asyncio.wait([gone], timeout=0.02)

    told = await refused(remote, tmp_path, drip, IMPATIENT)

    assert told == (400, "fetched: it did not answer within 0.3 seconds")


async def test_redirects_do_not_begin_the_time_anew(remote: Remote, tmp_path: Path) -> None:
    async def again(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.wait([asyncio.ensure_future(reader.read())], timeout=0.05)
        writer.write(moved("/a.png"))

    told = await refused(remote, tmp_path, again, replace(IMPATIENT, redirects=10_000))

    assert told == (400, "fetched: it did not answer within 0.3 seconds")


async def test_a_server_that_is_not_there_is_said_to_be_so(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    async with fetcher() as opened:
        with pytest.raises(ApiError, match="its server cannot be reached"):
            await opened.fetch(f"http://127.0.0.1:{port}/", tmp_path / "file")


async def test_a_server_that_takes_no_connection_is_not_waited_for(
    remote: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(asyncio.SelectorEventLoop, "sock_connect", never)

    told = await refused(remote, tmp_path, b"", replace(LIMITS, connect=0.1))

    assert told == (400, "fetched: its server cannot be reached")


async def test_an_unknown_name_is_said_to_be_so(tmp_path: Path, meaning: Meaning) -> None:
    meaning()

    async with fetcher(networks=()) as opened:
        with pytest.raises(ApiError, match="its name is not known"):
            await opened.fetch("http://pictures.example/", tmp_path / "file")


async def test_a_name_whose_meaning_nobody_tells_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", never)

    async with fetcher(IMPATIENT, networks=()) as opened:
        with pytest.raises(ApiError, match=r"it did not answer within 0\.3 seconds"):
            await opened.fetch("http://pictures.example/", tmp_path / "file")


@pytest.mark.parametrize("told", ["Content-Type: text/html", "X-Nothing: told"])
async def test_only_the_types_that_are_wanted_are_taken(remote: Remote, tmp_path: Path, told: str) -> None:
    limits = replace(LIMITS, types=frozenset({"image/png"}))

    assert await refused(remote, tmp_path, answer(BODY, told), limits) == (
        400,
        "fetched: its content type is not taken here",
    )
    assert (await fetched(remote, tmp_path, answer(BODY, "Content-Type: IMAGE/png"), limits)).size


async def test_a_disk_that_fails_is_not_said_to_be_the_servers_fault(remote: Remote, tmp_path: Path) -> None:
    with pytest.raises(NotSaved):
        await fetched(remote, tmp_path / "no such folder", answer(BODY))


async def test_nothing_is_left_of_a_fetch_that_is_given_up(remote: Remote, tmp_path: Path) -> None:
    is_writing = asyncio.Event()

    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(bytes(2_000_000), length=9_000_000))
        await writer.drain()
        is_writing.set()
        await reader.read()

    fetching = asyncio.ensure_future(fetched(remote, tmp_path, pour, replace(LIMITS, most=10_000_000)))
    await asyncio.wait_for(is_writing.wait(), 10)

    fetching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await fetching

    assert is_empty(tmp_path)


async def test_many_are_fetched_at_once(remote: Remote, tmp_path: Path) -> None:
    remote.answers["/a.png"] = answer(BODY)

    async with fetcher() as opened:
        told = await asyncio.gather(
            *(opened.fetch(f"{remote.url}/a.png", tmp_path / f"{number}") for number in range(100))
        )

    assert {one.size for one in told} == {len(BODY)}
    assert all((tmp_path / f"{number}").read_bytes() == BODY for number in range(100))


def _read(path: Path) -> bytes:
    return (path / "file").read_bytes()
