"""Connections to checked addresses, at the moment in which they are made."""

import asyncio
import socket
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from infra.outgoing.addresses import AddressPolicy
from infra.outgoing.connecting import CheckedResolver, RefusedAddress, RefusedPort, checked_connector

LOOPBACK = AddressPolicy(["127.0.0.0/8"])


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """A server on this machine, which answers everything, and sends `/away` elsewhere."""

    async def answer(request: web.Request) -> web.Response:
        if request.path == "/away":
            raise web.HTTPFound("http://[::1]:1/")
        return web.Response(text="here")

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield runner.addresses[0][1]
    await runner.cleanup()


async def get(url: str, policy: AddressPolicy) -> str:
    async with (
        aiohttp.ClientSession(connector=checked_connector(policy)) as session,
        session.get(url, timeout=aiohttp.ClientTimeout(total=5)) as answer,
    ):
        return await answer.text()


async def test_an_address_that_stands_in_the_url_is_checked_too(port: int) -> None:
    assert await get(f"http://127.0.0.1:{port}/", LOOPBACK) == "here"
    with pytest.raises((aiohttp.ClientConnectorError, RefusedAddress)):
        await get(f"http://127.0.0.1:{port}/", AddressPolicy())


async def test_a_name_is_checked_by_what_it_means_when_it_is_connected_to(port: int) -> None:
    with pytest.raises((aiohttp.ClientConnectorError, RefusedAddress)):
        await get(f"http://localhost:{port}/", AddressPolicy())


async def test_a_redirect_is_checked_as_well(port: int) -> None:
    with pytest.raises((aiohttp.ClientConnectorError, RefusedAddress)):
        await get(f"http://127.0.0.1:{port}/away", LOOPBACK)


async def test_one_refused_address_refuses_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    async def both(*_: object, **__: object) -> list[object]:
        kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
        return [(*kind, ("93.184.216.34", 80)), (*kind, ("10.0.0.1", 80))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", both)
    with pytest.raises(RefusedAddress):
        await CheckedResolver(AddressPolicy()).resolve("mixed.example", 80)


@pytest.mark.parametrize("host", ["a..b", "a" * 64 + ".example"])
async def test_what_is_no_name_has_no_address(host: str) -> None:
    with pytest.raises(socket.gaierror):
        await CheckedResolver(AddressPolicy()).resolve(host, 80)


async def test_public_addresses_are_asked_at_certain_ports_alone_where_these_are_named() -> None:
    some = CheckedResolver(AddressPolicy(), frozenset({80}))

    assert await CheckedResolver(AddressPolicy()).resolve("93.184.216.34", 8080)
    assert await some.resolve("93.184.216.34", 80)
    with pytest.raises(RefusedPort, match="80"):
        await some.resolve("93.184.216.34", 8080)
