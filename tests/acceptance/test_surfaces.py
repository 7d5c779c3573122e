"""Surfaces on ports of their own, and the paths under which older clients know them."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from infra.settings import EdgeSettings
from tests.acceptance.asking import CHAT, HELLO, error_in
from tests.acceptance.waiting import LIMIT
from tests.product import Product
from tests.upstream.script import Script
from tests.upstream.server import Upstream

OTHERS = ["responses", "media", "mcp"]


@pytest.fixture
def surfaces(product: Product) -> dict[str, str]:
    """The address of each surface's own port."""
    given = product.edges[0].server.environment["JAN_EDGE_SURFACE_PORTS"]
    ports = EdgeSettings.model_validate({"surface_ports": given}).surface_ports
    return {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}


@pytest.fixture
async def client(token: str) -> AsyncIterator[aiohttp.ClientSession]:
    """Plain HTTP to any port."""
    async with aiohttp.ClientSession(
        headers={"Authorization": f"Bearer {token}"}, timeout=aiohttp.ClientTimeout(total=LIMIT)
    ) as session:
        yield session


@pytest.mark.parametrize("path", [CHAT, "/llm/v1/chat/completions"])
async def test_completions_are_served_on_the_llm_port_and_by_alias(
    client: aiohttp.ClientSession, surfaces: dict[str, str], product: Product, upstream: Upstream, path: str
) -> None:
    upstream.always(Script(tokens=1))

    for url in (product.url, surfaces["llm"]):
        async with client.post(url + path, json=HELLO) as answer:
            assert answer.status == 200, await answer.text()

    assert len(upstream.chats) == 2


@pytest.mark.parametrize("surface", OTHERS)
@pytest.mark.parametrize("path", [CHAT, "/llm/v1/chat/completions", "/v1/models", "/llm/v1/models"])
async def test_another_surface_does_not_serve_the_llm_api(
    client: aiohttp.ClientSession, surfaces: dict[str, str], surface: str, path: str
) -> None:
    method = "POST" if "chat" in path else "GET"

    async with client.request(method, surfaces[surface] + path, json=HELLO) as answer:
        error = error_in(await answer.json())

    assert (answer.status, error["code"]) == (404, "not_found")
    assert error["request_id"] == answer.headers["X-Request-Id"]


@pytest.mark.parametrize("path", ["/v1/responses", "/responses/v1/responses", "/v1/media", "/mcp", "/v1/mcp"])
async def test_the_llm_port_does_not_serve_other_surfaces(
    client: aiohttp.ClientSession, surfaces: dict[str, str], path: str
) -> None:
    async with client.get(surfaces["llm"] + path) as answer:
        error_in(await answer.json())

    assert answer.status == 404


@pytest.mark.parametrize("surface", ["llm", *OTHERS])
async def test_every_port_serves_health_version_and_login(
    client: aiohttp.ClientSession, surfaces: dict[str, str], surface: str
) -> None:
    url = surfaces[surface]

    for path in ("/healthz", "/readyz", "/v1/version"):
        async with client.get(url + path) as answer:
            assert answer.status == 200, path
    async with client.post(f"{url}/auth/guest-login") as answer:
        assert answer.status == 201


@pytest.mark.parametrize("path", ["/auth/guest-login", "/llm/auth/guest-login"])
async def test_a_guest_logs_in_by_either_path(product: Product, path: str) -> None:
    async with aiohttp.ClientSession(product.url) as session, session.post(path) as answer:
        guest = await answer.json()

    assert answer.status == 201
    assert guest["username"].startswith("guest-")
    assert guest["token_type"] == "Bearer"  # noqa: S105  a scheme, not a token
    assert guest["expires_in"] == 300
    assert guest["refresh_token"]


async def test_a_surfaces_port_asks_for_the_same_token(surfaces: dict[str, str]) -> None:
    async with aiohttp.ClientSession() as session, session.post(surfaces["llm"] + CHAT, json=HELLO) as answer:
        error_in(await answer.json())

    assert answer.status == 401


@pytest.mark.parametrize("header", ["X-User-Id", "X-Principal-Id", "X-Consumer-Username"])
async def test_identity_headers_prove_nothing(product: Product, header: str) -> None:
    async with (
        aiohttp.ClientSession(product.url, headers={header: "admin"}) as session,
        session.post(CHAT, json=HELLO) as answer,
    ):
        assert answer.status == 401
