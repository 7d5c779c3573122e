"""Connections that are kept, lost, refused or never made, over real sockets."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from infra.settings import ProviderSettings
from tests.upstream import wire
from tests.upstream.script import Script
from tests.upstream.server import Upstream
from tests.workers.completion.asking import (
    SOON,
    Asking,
    ask_whole,
    both_ways,
    failure,
)
from workers.completion.provider import HttpProvider, open_provider, pool


async def test_connections_are_used_again(provider: HttpProvider, upstream: Upstream) -> None:
    upstream.next(Script(), Script(status=400, body=wire.error(400, "no")), Script())
    await ask_whole(provider)
    await failure(provider)
    await ask_whole(provider)

    assert {request.connection for request in upstream.chats} == {1}


@both_ways
@pytest.mark.parametrize(
    "script", [Script(fault="reset", after=-1), Script(fault="close", after=-1), Script(raw=b"")], ids=str
)
async def test_a_connection_that_closes_unanswered_is_unreachable(
    provider: HttpProvider, upstream: Upstream, asking: Asking, script: Script
) -> None:
    upstream.always(script)

    detail = (await failure(provider, asking)).detail

    assert (detail.code, detail.status) == ("provider_unreachable", 502)
    assert detail.message == "The provider closed the connection unanswered."
    assert len(upstream.chats) == 1


@both_ways
async def test_a_used_connection_that_is_lost_at_once_is_replaced(
    provider: HttpProvider, upstream: Upstream, asking: Asking
) -> None:
    upstream.next(Script(), Script(fault="reset", after=-1), Script())
    await asking(provider)
    await provider.drained()

    await asking(provider)

    assert [request.connection for request in upstream.chats] == [1, 1, 2]


async def test_a_used_connection_that_is_lost_later_is_an_error(
    provider: HttpProvider, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By then the provider may have worked, so that asking again would cost twice."""
    monkeypatch.setattr(pool, "AT_ONCE", 0.0)
    upstream.next(Script(), Script(fault="reset", after=-1), Script())
    await ask_whole(provider)

    detail = (await failure(provider)).detail

    assert detail.code == "provider_unreachable"
    assert len(upstream.chats) == 2


async def test_tries_have_an_end(provider: HttpProvider, upstream: Upstream) -> None:
    """Three connections are opened at once and kept; then each is lost when it is used again."""
    upstream.always(Script(hold=-1))
    asked = [asyncio.create_task(ask_whole(provider)) for _ in range(3)]
    await upstream.asked(3)
    for request in upstream.chats:
        request.release()
    await asyncio.gather(*asked)
    upstream.always(Script(fault="reset", after=-1))

    detail = (await failure(provider)).detail

    assert detail.code == "provider_unreachable"
    assert len(upstream.chats) == 6


@both_ways
async def test_a_provider_that_is_down_is_unreachable_until_it_is_back(
    provider: HttpProvider, upstream: Upstream, asking: Asking
) -> None:
    upstream.refuse()

    detail = (await failure(provider, asking)).detail

    assert (detail.code, detail.message) == (
        "provider_unreachable",
        "The provider does not accept connections.",
    )
    await upstream.accept()
    await asking(provider)


@both_ways
@pytest.mark.parametrize("url", ["http://no-such-host.invalid/v1", "http://:99999/v1", "nonsense"])
async def test_an_address_that_leads_nowhere_is_unreachable(asking: Asking, url: str) -> None:
    async with open_provider(ProviderSettings(url=url)) as provider:
        detail = (await failure(provider, asking)).detail

    assert (detail.code, detail.status) == ("provider_unreachable", 502)
    assert "invalid/v1" not in detail.message


async def test_a_server_without_tls_is_no_secure_provider(settings: ProviderSettings) -> None:
    given = settings.model_copy(update={"url": settings.url.replace("http:", "https:")})

    async with open_provider(given) as provider:
        detail = (await failure(provider)).detail

    assert (detail.code, detail.status) == ("provider_unreachable", 502)


@pytest.fixture
def full_port() -> Iterator[int]:
    """A port whose queue is full, so that connecting to it never ends."""
    with closing(socket.create_server(("127.0.0.1", 0), backlog=0)) as server:
        port = server.getsockname()[1]
        waiting = []
        for _ in range(8):
            client = socket.socket()
            client.settimeout(0)
            client.connect_ex(("127.0.0.1", port))
            waiting.append(client)
        yield port
        for client in waiting:
            client.close()


@both_ways
async def test_a_connection_that_is_never_made_times_out(full_port: int, asking: Asking) -> None:
    settings = ProviderSettings(url=f"http://127.0.0.1:{full_port}/v1", connect_timeout=SOON)

    async with open_provider(settings) as provider:
        detail = (await failure(provider, asking)).detail

    assert (detail.code, detail.status) == ("provider_timeout", 504)
    assert detail.message == "No connection to the provider could be made in time."
