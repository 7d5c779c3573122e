"""Other people's MCP servers: added by an admin, their tools called by everybody, and gone again."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from contracts.ids import new_ulid
from tests.acceptance.asking import Json, error_in
from tests.acceptance.people import admin_client
from tests.acceptance.test_mcp import client_of
from tests.acceptance.waiting import until
from tests.product import Product
from tests.workers.tool.remote.servers import SECRET, real_http

pytestmark = [pytest.mark.stack, pytest.mark.usefixtures("tool_worker")]

SERVERS = "/v1/admin/mcp-servers"


@pytest.fixture
async def boss(product: Product) -> AsyncIterator[aiohttp.ClientSession]:
    async with admin_client(product) as session:
        yield session


@pytest.fixture
def name() -> str:
    return f"s{new_ulid()[-8:].lower()}"


async def told(
    boss: aiohttp.ClientSession, method: str, path: str = "", body: Any = None
) -> tuple[int, Json]:
    async with boss.request(method, SERVERS + path, json=body) as answer:
        return answer.status, await answer.json()


async def has_tools(boss: aiohttp.ClientSession, name: str) -> bool:
    return bool((await told(boss, "GET", f"/{name}"))[1]["tools"])


async def test_a_servers_tools_are_listed_and_called_under_its_name_and_go_with_it(
    product: Product, boss: aiohttp.ClientSession, token: str, name: str
) -> None:
    async with real_http() as url:
        ask = {"name": name, "url": url, "headers": {"Authorization": f"Bearer {SECRET}"}}
        status, made = await told(boss, "POST", body=ask)
        await until(lambda: has_tools(boss, name))
        async with client_of(product.url, token) as client:

            async def is_listed() -> bool:
                return f"{name}_echo" in {tool.name for tool in (await client.list_tools()).tools}

            await until(is_listed)
            steps: list[float] = []

            async def on_progress(progress: float, total: float | None, message: str | None) -> None:
                steps.append(progress)

            echoed = await client.call_tool(f"{name}_echo", {"text": "hello"})
            stepped = await client.call_tool(f"{name}_steps", {}, progress_callback=on_progress)
            failed = await client.call_tool(f"{name}_fails", {})
            wrong = await client.call_tool(f"{name}_echo", {})
        gone, _ = await told(boss, "DELETE", f"/{name}")

    assert (status, made["secret_names"], gone) == (201, ["Authorization"], 200)
    assert SECRET not in str(made)
    assert echoed.structured_content == {"text": "hello"}
    assert (steps[0], stepped.is_error) == (1.0, False)
    assert failed.is_error
    assert wrong.is_error
    assert (await told(boss, "GET", f"/{name}"))[0] == 404
    async with boss.get("/v1/admin/mcp-tools", params={"limit": 100}) as answer:
        assert not any(tool["server"] == name for tool in (await answer.json())["data"])


async def test_a_server_that_is_away_holds_no_list_up(
    product: Product, boss: aiohttp.ClientSession, api: aiohttp.ClientSession, name: str
) -> None:
    async with real_http() as url:
        await told(boss, "POST", body={"name": name, "url": url})
        await until(lambda: has_tools(boss, name))
    await told(boss, "POST", f"/{name}/sync")

    async def is_off() -> bool:
        return bool((await told(boss, "GET", f"/{name}"))[1]["sync_error"])

    await until(is_off)

    async def is_hidden() -> bool:
        async with api.get("/v1/mcp/tools") as answer:
            return not any(tool["server"] == name for tool in (await answer.json())["data"])

    await until(is_hidden)
    assert await has_tools(boss, name)
    await told(boss, "DELETE", f"/{name}")


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({"url": "http://10.0.0.1/mcp"}, 400, "url"),
        ({"url": "http://169.254.169.254/"}, 400, "url"),
        ({"url": "ftp://example.com/"}, 400, "url"),
        ({}, 400, None),
        ({"url": "https://a.example/mcp", "command": ["x"]}, 400, None),
        ({"url": "https://a.example/mcp", "headers": {"a b": "c"}}, 400, "headers"),
        ({"url": "http://127.0.0.1/mcp", "env": {"A": "b"}}, 400, "env"),
        ({"command": ["mcp-files"]}, 403, "command"),
        ({"url": "http://127.0.0.1/mcp", "is_trusted": True}, 400, "is_trusted"),
    ],
)
async def test_what_cannot_be_added_is_told(
    boss: aiohttp.ClientSession, name: str, body: Json, status: int, param: str | None
) -> None:
    given, answer = await told(boss, "POST", body={"name": name, **body})

    error = error_in(answer)
    assert given == status
    assert param is None or str(error["param"]).startswith(param)


async def test_a_server_is_changed_and_its_name_is_its_own(boss: aiohttp.ClientSession, name: str) -> None:
    async with real_http() as url:
        await told(boss, "POST", body={"name": name, "url": url})
        again, _ = await told(boss, "POST", body={"name": name, "url": url})
        await told(boss, "PATCH", f"/{name}", {"allowed_tools": ["echo"], "timeout_seconds": 5})

        async def is_narrow() -> bool:
            return bool((await told(boss, "GET", f"/{name}"))[1]["tools"] == [f"{name}_echo"])

        await until(is_narrow)
        _, off = await told(boss, "PATCH", f"/{name}", {"is_active": False})
    await told(boss, "DELETE", f"/{name}")

    assert again == 409
    assert (off["is_active"], off["tools"], off["timeout_seconds"]) == (False, [], 5)
