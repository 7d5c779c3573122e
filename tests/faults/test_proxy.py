"""The proxy hurts as it says, and nothing else."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.acceptance.waiting import until
from tests.faults.proxy import HOST, Faults, Proxy, open_proxy

LIMIT = 10.0
SHORT = 0.15
"""Seconds in which a byte that may pass surely does, and none does that may not."""
BIG = 300_000


@pytest.fixture
async def echo() -> AsyncIterator[int]:
    """A server that sends back what it gets, and closes when its client has."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    async with await asyncio.start_server(answer, HOST, 0) as server:
        yield server.sockets[0].getsockname()[1]


@pytest.fixture
async def proxy(echo: int) -> AsyncIterator[Proxy]:
    async with open_proxy(echo) as proxy:
        yield proxy


async def test_bytes_pass_both_ways_whole(proxy: Proxy) -> None:
    sent = bytes(range(256)) * (BIG // 256)

    async with connected(proxy) as (reader, writer):
        writer.write(sent)
        writer.write_eof()
        assert await reader.read(-1) == sent

    assert proxy.accepted == 1
    await until(lambda: is_idle(proxy))


async def test_latency_holds_each_piece_back(proxy: Proxy) -> None:
    proxy.faults = Faults(latency=SHORT)
    loop = asyncio.get_running_loop()

    async with connected(proxy) as (reader, writer):
        began = loop.time()
        writer.write(b"hello")
        assert await reader.readexactly(5) == b"hello"
        assert loop.time() - began >= 2 * SHORT


async def test_a_rate_makes_many_bytes_slow(proxy: Proxy) -> None:
    proxy.faults = Faults(rate=BIG * 4)
    loop = asyncio.get_running_loop()

    async with connected(proxy) as (reader, writer):
        began = loop.time()
        writer.write(bytes(BIG))
        await reader.readexactly(BIG)
        assert loop.time() - began >= 1 / 4


async def test_a_black_hole_takes_all_and_gives_nothing_until_it_heals(proxy: Proxy) -> None:
    async with connected(proxy) as (reader, writer):
        proxy.black_hole()
        writer.write(b"hello")
        async with connected(proxy) as (late_reader, late_writer):
            late_writer.write(b"late")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(reader.read(1), SHORT)
            proxy.heal()

            assert await reader.readexactly(5) == b"hello"
            assert await late_reader.readexactly(4) == b"late"


async def test_a_reset_reaches_open_connections_and_leaves_new_ones_alone(proxy: Proxy) -> None:
    async with connected(proxy) as (reader, writer):
        writer.write(b"x")
        await reader.readexactly(1)

        proxy.reset()

        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(reader.read(1), LIMIT)
    async with connected(proxy) as (reader, writer):
        writer.write(b"y")
        assert await reader.readexactly(1) == b"y"


async def test_a_connection_is_cut_after_so_many_bytes_of_the_server(proxy: Proxy) -> None:
    proxy.faults = Faults(cut_after=7)

    async with connected(proxy) as (reader, writer):
        writer.write(b"abcdef")
        assert await reader.readexactly(6) == b"abcdef"
        writer.write(b"ghi")
        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(reader.readexactly(3), LIMIT)


async def test_the_end_of_one_side_may_come_late_to_the_other(proxy: Proxy) -> None:
    proxy.faults = Faults(close_delay=SHORT)
    loop = asyncio.get_running_loop()

    async with connected(proxy) as (reader, writer):
        began = loop.time()
        writer.write_eof()
        assert await reader.read(-1) == b""
        assert loop.time() - began >= 2 * SHORT


async def test_a_proxy_that_is_down_refuses_and_comes_back_on_its_port(proxy: Proxy) -> None:
    port = proxy.port

    async with connected(proxy) as (reader, _):
        await proxy.down()
        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(reader.read(1), LIMIT)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(HOST, port)
    await proxy.up()

    assert proxy.port == port
    async with connected(proxy) as (reader, writer):
        writer.write(b"z")
        assert await reader.readexactly(1) == b"z"


async def test_a_server_that_is_away_resets_the_clients() -> None:
    async with await asyncio.start_server(lambda *_: None, HOST, 0) as server:
        gone = server.sockets[0].getsockname()[1]

    async with open_proxy(gone) as proxy, connected(proxy) as (reader, _):
        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(reader.read(1), LIMIT)


@asynccontextmanager
async def connected(proxy: Proxy) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A client of the proxy."""
    reader, writer = await asyncio.open_connection(HOST, proxy.port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def is_idle(proxy: Proxy) -> bool:
    return proxy.open_connections == 0
