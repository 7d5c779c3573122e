"""The API's page is served from here whole, and lets nothing in from elsewhere."""

import re
from collections.abc import AsyncIterator
from importlib.metadata import version

import aiohttp
import pytest

from api_edge.ops.swagger import ASSETS, INDEX
from tests.api_edge.ops.small_edge import serving, small_app

FIRST_WITH_31 = 5
"""The first major version of Swagger UI that shows OpenAPI 3.1."""


@pytest.fixture
async def reader() -> AsyncIterator[aiohttp.ClientSession]:
    """A client without a token."""
    async with serving(small_app([], None)) as url, aiohttp.ClientSession(url) as session:
        yield session


@pytest.mark.parametrize("path", ["/api/swagger", "/api/swagger/"])
async def test_the_short_way_leads_to_the_page(reader: aiohttp.ClientSession, path: str) -> None:
    async with reader.get(path, allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (307, INDEX)


async def test_all_that_the_page_loads_is_served_beside_it(reader: aiohttp.ClientSession) -> None:
    async with reader.get(INDEX) as answer:
        page = await answer.text()

    assert answer.content_type == "text/html"
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert {name for name in loaded if "/" in name} == set()
    for name in loaded:
        async with reader.get(f"/api/swagger/{name}") as part:
            assert part.status == 200, name
            assert part.headers["X-Content-Type-Options"] == "nosniff"
            assert await part.read()


async def test_the_page_runs_no_script_of_its_own_and_none_from_elsewhere(
    reader: aiohttp.ClientSession,
) -> None:
    async with reader.get(INDEX) as answer:
        page = await answer.text()

    assert re.findall(r"<script>|\son\w+=|javascript:|https?://", page) == []
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"


async def test_the_page_reads_this_edges_document_and_keeps_the_token(reader: aiohttp.ClientSession) -> None:
    async with reader.get("/api/swagger/initializer.js") as answer:
        script = await answer.text()

    assert answer.content_type == "text/javascript"
    assert 'url: "/openapi.json"' in script
    assert "persistAuthorization: true" in script
    assert "tryItOutEnabled: true" in script


@pytest.mark.parametrize(
    "name", ["__init__.py", "nope.js", "..%2fmain.py", "%2e%2e/main.py", "..%5cmain.py", "swagger-ui.css%00"]
)
async def test_no_other_file_is_served(reader: aiohttp.ClientSession, name: str) -> None:
    async with reader.get(f"/api/swagger/{name}") as answer:
        body = await answer.text()

    assert answer.status == 404
    assert "patch_fastapi" not in body


@pytest.mark.parametrize(("name", "media_type"), ASSETS.items())
async def test_a_file_has_its_media_type(reader: aiohttp.ClientSession, name: str, media_type: str) -> None:
    async with reader.get(f"/api/swagger/{name}") as answer:
        assert answer.content_type == media_type


async def test_the_distribution_is_one_that_shows_openapi_31(reader: aiohttp.ClientSession) -> None:
    async with reader.get("/api/swagger/swagger-ui-bundle.js") as answer:
        bundle = await answer.text()

    told = re.search(r'PACKAGE_VERSION:"(\d+)', bundle) or re.search(r'version:"(\d+)\.\d+\.\d+"', bundle)
    assert version("fastapi-swagger")
    assert told is not None
    assert int(told[1]) >= FIRST_WITH_31
