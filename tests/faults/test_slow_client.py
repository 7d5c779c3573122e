"""Clients that read slowly, or not at all, cost a place in a log and no memory that grows with what waits."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from redis.asyncio import Redis

from contracts.ids import job_id_of
from infra.relay.keys import log_key
from infra.settings import KIB, MIB
from tests.acceptance.asking import CHAT, STREAM, chunks
from tests.acceptance.exposition import worker_metrics
from tests.acceptance.raw import request
from tests.acceptance.waiting import until
from tests.product import Product
from tests.upstream import wire
from tests.upstream.script import Script
from tests.upstream.server import Upstream

CLIENTS = 20
PIECE = 4 * KIB
PIECES = 2_048
"""So that each stream is of more than 8 MiB."""
GROWTH = 24 * MIB
"""Bytes that the edge may grow by while 160 MiB wait: each client's page of the log, once more being sent."""
LIMIT = 60.0
NARROW = 16 * KIB
"""Bytes that a client's kernel takes on its own."""


@dataclass
class Slow:
    """A client that has asked for a stream and reads when it is told to."""

    sock: socket.socket
    got: bytearray = field(default_factory=bytearray)

    async def sip(self) -> None:
        """Read one byte."""
        self.got += await asyncio.get_running_loop().sock_recv(self.sock, 1)

    async def drink_up(self) -> str:
        """Read to the end; the body."""
        loop = asyncio.get_running_loop()
        while not self.got.endswith(b"0\r\n\r\n"):
            data = await loop.sock_recv(self.sock, MIB)
            assert data, "the stream was cut"
            self.got += data
        _, _, body = bytes(self.got).partition(b"\r\n\r\n")
        return _dechunked(body).decode()


async def test_slow_clients_cost_no_growing_memory_and_get_everything(
    product: Product, upstream: Upstream, redis: Redis, token: str
) -> None:
    slow = Clients(product, upstream, redis, token)

    first = await slow.growth_while_waiting(PIECES // 4)
    second = await slow.growth_while_waiting(PIECES)

    print(f"the edge grew by {first / MIB:.1f} MiB while {CLIENTS} streams of 2 MiB waited,")
    print(f"then by {second / MIB:.1f} MiB while as many of 8 MiB did")
    assert second < GROWTH


@dataclass(frozen=True)
class Clients:
    """Many that ask at once, of whom one sips and the others do not read."""

    product: Product
    upstream: Upstream
    redis: Redis
    token: str

    async def growth_while_waiting(self, pieces: int) -> int:
        """Bytes by which the edge grew while so much of each stream waited; then all of it is read."""
        self.upstream.requests.clear()
        self.upstream.always(Script(payloads=_payloads(pieces)))
        async with AsyncExitStack() as stack:
            clients = [await stack.enter_async_context(_open_slow(self.product.url)) for _ in range(CLIENTS)]
            before = self._held()
            for client in clients:
                await asyncio.get_running_loop().sock_sendall(client.sock, _ask(self.token))
            most = await self._most_held_until_all_waits(pieces, clients[0])
            for client in clients:
                async with asyncio.timeout(LIMIT):
                    await self.redis.delete(log_key(_check(await client.drink_up(), pieces)))
        return most - before

    async def _most_held_until_all_waits(self, pieces: int, sipping: Slow) -> int:
        held = [self._held()]

        async def all_waits() -> bool:
            held.append(self._held())
            await sipping.sip()
            chats = self.upstream.chats
            return len(chats) == CLIENTS and all(asked.sent == pieces + 2 for asked in chats)

        await until(all_waits, LIMIT)
        await until(self._is_caught_up, LIMIT)
        return max(*held, self._held())

    async def _is_caught_up(self) -> bool:
        """Whether the workers have nothing left to write."""
        return (await worker_metrics(self.product)).value("jan_jobs_in_flight") == 0

    def _held(self) -> int:
        """Proportional memory of the edge."""
        for line in Path(f"/proc/{self.product.edges[0].pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * KIB
        return 0


def _check(text: str, pieces: int) -> str:
    """Nothing is missing; the id of the job."""
    given = chunks(text.replace(": ping\n", ""))
    assert [chunk["x_seq"] for chunk in given] == list(range(pieces + 1))
    assert all(len(chunk["choices"][0]["delta"]["content"]) == PIECE for chunk in given[:-1])
    return job_id_of(given[0]["id"]) or ""


@asynccontextmanager
async def _open_slow(url: str) -> AsyncIterator[Slow]:
    address = urlsplit(url)
    sock = socket.socket()
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, NARROW)
        sock.setblocking(False)  # noqa: FBT003  the socket module's own signature
        await asyncio.get_running_loop().sock_connect(sock, (address.hostname, address.port))
        yield Slow(sock)
    finally:
        sock.close()


def _payloads(pieces: int) -> tuple[bytes, ...]:
    def payload(content: str, finish: str | None) -> bytes:
        choice = {"index": 0, "delta": {"content": content}, "finish_reason": finish}
        return json.dumps({"id": wire.ID, "model": "scripted", "choices": [choice]}).encode()

    return (*[payload("x" * PIECE, None)] * pieces, payload("", "stop"), b"[DONE]")


def _ask(token: str) -> bytes:
    return request(CHAT, json.dumps(STREAM).encode(), f"Authorization: Bearer {token}")


def _dechunked(body: bytes) -> bytes:
    parts, at = [], 0
    while size := int(body[at : (start := body.index(b"\r\n", at) + 2)], 16):
        parts.append(body[start : start + size])
        at = start + size + 2
    return b"".join(parts)
