"""What people and probes look at: health, version, the API's document and its page. All without a token."""

import re
from collections.abc import AsyncIterator

import aiohttp
import pytest

from tests.product import Product

ROUTES = {
    "/auth/guest-login",
    "/v1/chat/completions",
    "/v1/models",
    "/v1/models/{model_id}",
    "/v1/version",
    "/healthz",
    "/readyz",
}


@pytest.fixture
async def visitor(product: Product) -> AsyncIterator[aiohttp.ClientSession]:
    """Somebody without a token."""
    async with aiohttp.ClientSession(product.url) as session:
        yield session


async def test_the_process_is_healthy(visitor: aiohttp.ClientSession) -> None:
    async with visitor.get("/healthz") as answer:
        assert answer.status == 200
        assert await answer.json() == {"status": "ok"}


async def test_every_dependency_is_named(visitor: aiohttp.ClientSession) -> None:
    async with visitor.get("/readyz") as answer:
        report = await answer.json()

    assert report["status"] == "ready"
    needed = {check["name"] for check in report["checks"] if check["needed"]}
    assert needed == {"serving", "kafka", "redis", "relay"}
    assert {check["name"] for check in report["checks"]} == needed | {"database", "objects"}
    assert all(check["ok"] for check in report["checks"])


async def test_the_version_is_told(visitor: aiohttp.ClientSession) -> None:
    async with visitor.get("/v1/version") as answer:
        version = await answer.json()

    assert version["name"] == "jan-server"
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", version["version"])


async def test_the_document_lists_the_routes(visitor: aiohttp.ClientSession) -> None:
    async with visitor.get("/openapi.json") as answer:
        document = await answer.json()

    assert set(document["paths"]) >= ROUTES
    chat = document["paths"]["/v1/chat/completions"]["post"]
    assert set(chat["responses"]["200"]["content"]) >= {"application/json", "text/event-stream"}
    assert chat["security"]
    assert document["components"]["securitySchemes"]


async def test_the_page_and_all_that_it_loads_are_served_here(visitor: aiohttp.ClientSession) -> None:
    async with visitor.get("/api/swagger/index.html") as answer:
        page = await answer.text()

    assert answer.status == 200
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(loaded) >= 3
    for name in loaded:
        async with visitor.get(f"/api/swagger/{name}") as answer:
            assert answer.status == 200, name
            assert await answer.read()


async def test_the_page_shows_this_products_document(visitor: aiohttp.ClientSession) -> None:
    async with visitor.get("/api/swagger/initializer.js") as answer:
        script = await answer.text()

    assert '"/openapi.json"' in script
    assert "persistAuthorization: true" in script
