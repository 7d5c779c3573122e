"""Requests that are rare but rightful, on the running product: none of them hangs."""

import json

import aiohttp
import pytest

from tests.acceptance.asking import CHAT, HELLO, error_in
from tests.acceptance.raw import open_raw, request
from tests.product import Product
from tests.upstream.script import Script
from tests.upstream.server import Upstream

BODY = json.dumps(HELLO).encode()


@pytest.mark.parametrize("to", ["h2c", "websocket"])
async def test_who_offers_to_upgrade_is_served_by_what_we_speak(
    product: Product, token: str, upstream: Upstream, to: str
) -> None:
    upstream.always(Script(tokens=1))
    offer = ["Connection: Upgrade, HTTP2-Settings", f"Upgrade: {to}", "HTTP2-Settings: AAMAAABkAAQ"]

    async with open_raw(product.url) as raw:
        for _ in range(2):
            await raw.send(request(CHAT, BODY, f"Authorization: Bearer {token}", *offer))
            answer = await raw.answer()
            assert answer.status == 200, answer.body

    assert (await upstream.asked()).json == HELLO


async def test_who_asks_first_whether_to_send_a_body_is_told_to_go_on(
    product: Product, token: str, upstream: Upstream
) -> None:
    upstream.always(Script(tokens=1))
    asking = request(CHAT, b"", f"Authorization: Bearer {token}", "Expect: 100-continue", length=len(BODY))

    async with open_raw(product.url) as raw:
        await raw.send(asking)
        assert (await raw.head()).status == 100
        await raw.send(BODY)
        assert (await raw.answer()).status == 200


async def test_who_asks_first_and_is_nobody_is_refused_without_the_body(product: Product) -> None:
    async with open_raw(product.url) as raw:
        await raw.send(request(CHAT, b"", "Expect: 100-continue", length=len(BODY)))
        answer = await raw.answer()

    assert (answer.status, error_in(answer.json)["code"]) == (401, "missing_credentials")


@pytest.mark.parametrize("line", ["OPTIONS * HTTP/1.1", "TRACE / HTTP/1.1", "CONNECT other:80 HTTP/1.1"])
async def test_methods_for_proxies_and_servers_are_refused(product: Product, line: str) -> None:
    async with open_raw(product.url) as raw:
        await raw.send(f"{line}\r\nHost: test\r\n\r\n".encode())
        answer = await raw.answer()

    assert answer.status in {400, 404, 405}
    assert error_in(answer.json)["request_id"] == answer.headers["x-request-id"]


async def test_connections_are_in_the_metrics(product: Product) -> None:
    async with (
        open_raw(product.url),
        aiohttp.ClientSession(product.url) as session,
        session.get("/metrics") as answer,
    ):
        lines = (await answer.text()).splitlines()

    [held] = [line for line in lines if line.startswith("jan_connections_open ")]
    assert float(held.split()[1]) >= 2
