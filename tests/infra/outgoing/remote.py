"""A remote server that answers with the very bytes that a test wants, and what it was asked."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from contracts.errors import ApiError
from infra.outgoing.addresses import AddressPolicy
from infra.outgoing.fetching import Fetched, Fetcher, FetchLimits, open_fetcher

MOST = 100_000
BODY = bytes(range(256)) * 100
LIMITS = FetchLimits(most=MOST, total=30.0, connect=10.0, silence=10.0)
"""Nothing of it is reached by a server that answers at once."""
OWN = ("127.0.0.0/8",)
PARAM = "source.url"

Play = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Remote:
    """A server of raw bytes: each path has its answer."""

    port: int = 0
    scheme: str = "http"
    answers: dict[str, bytes | Play] = field(default_factory=dict)
    heads: list[bytes] = field(default_factory=list)
    connections: int = 0

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            self.heads.append(head)
            answer = self.answers[head.split(b" ")[1].decode()]
            if callable(answer):
                await answer(reader, writer)
            else:
                writer.write(answer)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def open_remote(tls: ssl.SSLContext | None = None) -> AsyncIterator[Remote]:
    remote = Remote(scheme="https" if tls else "http")
    server = await asyncio.start_server(remote.serve, "127.0.0.1", 0, ssl=tls)
    remote.port = server.sockets[0].getsockname()[1]
    async with server:
        yield remote


@asynccontextmanager
async def fetcher(limits: FetchLimits = LIMITS, networks: tuple[str, ...] = OWN) -> AsyncIterator[Fetcher]:
    async with open_fetcher(AddressPolicy(networks), limits, param=PARAM) as opened:
        yield opened


def answer(body: bytes, *headers: str, status: str = "200 OK", length: int | None = None) -> bytes:
    told = [f"Content-Length: {len(body) if length is None else length}", *headers]
    return "\r\n".join([f"HTTP/1.1 {status}", *told, "", ""]).encode("utf-8", "surrogateescape") + body


def moved(to: str, status: str = "302 Found") -> bytes:
    return answer(b"", f"Location: {to}", status=status)


async def fetched(
    remote: Remote, path: Path, answered: bytes | Play, limits: FetchLimits = LIMITS
) -> Fetched:
    """What `/a.png` becomes when it is answered so, in the file `file` of a folder."""
    remote.answers["/a.png"] = answered
    async with fetcher(limits) as opened:
        return await opened.fetch(f"{remote.url}/a.png", path / "file")


def is_empty(folder: Path) -> bool:
    return not any(folder.iterdir())


async def refused(
    remote: Remote, path: Path, answered: bytes | Play, limits: FetchLimits = LIMITS
) -> tuple[int, str]:
    """The status and the sentence of what it is refused with."""
    with pytest.raises(ApiError) as raised:
        await fetched(remote, path, answered, limits)
    detail = raised.value.detail
    assert is_empty(path)
    assert detail.param == PARAM
    assert "127.0.0.1" not in detail.message
    return detail.status, detail.message.removeprefix(f"{PARAM} cannot be ")
