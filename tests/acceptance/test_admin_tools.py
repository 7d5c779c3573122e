"""Tools as admins look after them, on the running product: what is set is felt everywhere at once."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from contracts.ids import new_ulid
from contracts.tools.builtin import BUILT_IN
from tests.acceptance.asking import Json, error_in
from tests.acceptance.people import admin_client
from tests.acceptance.waiting import until
from tests.engines.server import Engines
from tests.product import Product

pytestmark = [pytest.mark.stack, pytest.mark.usefixtures("tool_worker")]

TOOLS = "/v1/admin/mcp-tools"
SEARCH = f"{TOOLS}/google_search"
AS_IT_WAS = {
    "is_active": True,
    "description": None,
    "category": None,
    "metadata": None,
    "disallowed_keywords": None,
    "calls_per_minute": None,
    "timeout_seconds": None,
}
WITHIN = 3.0


@pytest.fixture
async def boss(product: Product) -> AsyncIterator[aiohttp.ClientSession]:
    """An admin, who leaves everything as it was."""
    async with admin_client(product) as session:
        yield session
        async with session.patch(SEARCH, json=AS_IT_WAS) as answer:
            assert answer.status == 200


async def change(boss: aiohttp.ClientSession, **fields: Any) -> Json:
    async with boss.patch(SEARCH, json=fields) as answer:
        told: Json = await answer.json()
        assert answer.status == 200, told
        return told


async def listed(api: aiohttp.ClientSession) -> dict[str, Json]:
    async with api.get("/v1/mcp/tools") as answer:
        return {tool["name"]: tool for tool in (await answer.json())["data"]}


async def searched(api: aiohttp.ClientSession, q: str) -> Json:
    params = {"name": "google_search", "arguments": {"q": q}}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    async with api.post("/v1/mcp", json=body) as answer:
        told: Json = await answer.json()
        return told


async def tenant_of(api: aiohttp.ClientSession) -> str:
    async with api.get("/auth/me") as answer:
        return str((await answer.json())["id"])


async def test_a_tool_that_is_switched_off_is_there_for_nobody(
    boss: aiohttp.ClientSession, api: aiohttp.ClientSession, engines: Engines
) -> None:
    await change(boss, is_active=False)

    async def is_gone() -> bool:
        return "google_search" not in await listed(api)

    await until(is_gone, WITHIN)
    refused = await searched(api, "anything")
    await change(boss, is_active=True)

    async def is_back() -> bool:
        return "google_search" in await listed(api)

    await until(is_back, WITHIN)
    assert refused["error"]["code"] == -32602
    assert engines.requests == []


async def test_a_tool_is_described_as_an_admin_wants(
    boss: aiohttp.ClientSession, api: aiohttp.ClientSession
) -> None:
    told = await change(boss, description="Ours", category="web", metadata={"team": "search"})

    async def is_ours() -> bool:
        return bool((await listed(api))["google_search"]["description"] == "Ours")

    await until(is_ours, WITHIN)
    assert (told["own_description"], told["category"]) == (BUILT_IN["google_search"].description, "web")
    assert told["metadata"] == {"team": "search"}


async def test_what_is_disallowed_is_neither_asked_nor_told(
    boss: aiohttp.ClientSession, api: aiohttp.ClientSession, engines: Engines
) -> None:
    await change(boss, disallowed_keywords=[r"site3\.", "forbid+en"])

    async def is_refused() -> bool:
        return bool((await searched(api, f"a forbidden thing {new_ulid()}"))["result"]["isError"])

    await until(is_refused, WITHIN)
    before = len(engines.requests)
    result = (await searched(api, f"allowed {new_ulid()}"))["result"]

    hosts = [hit["source_url"] for hit in result["structuredContent"]["results"]]
    assert len(engines.requests) == before + 1
    assert hosts
    assert not any("site3." in host for host in hosts)


async def test_a_tenants_calls_are_limited_and_nobody_elses(
    product: Product, boss: aiohttp.ClientSession, api: aiohttp.ClientSession, engines: Engines
) -> None:
    tenant = await tenant_of(api)
    path = f"{SEARCH}/tenants/{tenant}"
    async with boss.put(path, json={"calls_per_minute": 1}) as answer:
        told = await answer.json()
    assert {"tenant": tenant, "is_allowed": True, "calls_per_minute": 1} in told["tenants"]

    async def is_limited() -> bool:
        result = (await searched(api, new_ulid()))["result"]
        return bool(result.get("isError")) and "1 times a minute" in result["content"][0]["text"]

    await until(is_limited, WITHIN)
    headers = {"Authorization": f"Bearer {await product.token()}"}
    async with aiohttp.ClientSession(product.url, headers=headers) as other:
        assert not (await searched(other, new_ulid()))["result"].get("isError")
    async with boss.put(path, json={"is_allowed": False}) as answer:
        assert answer.status == 200

    async def is_refused() -> bool:
        return "google_search" not in await listed(api)

    await until(is_refused, WITHIN)
    async with boss.delete(path) as answer:
        assert (await answer.json())["tenants"] == []
    async with boss.delete(path) as answer:
        assert answer.status == 404


async def test_admins_see_all_tools_and_all_calls(
    boss: aiohttp.ClientSession, api: aiohttp.ClientSession, engines: Engines
) -> None:
    query = new_ulid()
    await searched(api, query)
    tenant = await tenant_of(api)

    async with boss.get(TOOLS, params={"limit": 2, "order": "asc"}) as answer:
        first = await answer.json()
    async with boss.get(TOOLS, params={"limit": 100, "order": "asc", "after": first["next_after"]}) as answer:
        rest = await answer.json()
    asked = {"tenant": tenant, "tool": "google_search", "status": "completed"}
    async with boss.get("/v1/admin/mcp-calls", params=asked) as answer:
        (call,) = (await answer.json())["data"]

    assert set(BUILT_IN) <= {tool["name"] for tool in [*first["data"], *rest["data"]]}
    assert (call["arguments"], call["tenant"]) == ({"q": query}, tenant)


async def test_changes_are_in_the_audit_log(boss: aiohttp.ClientSession) -> None:
    await change(boss, category=new_ulid())

    async with boss.get("/v1/admin/audit-logs", params={"target_type": "mcp_tool", "limit": 1}) as answer:
        (entry,) = (await answer.json())["data"]
    assert (entry["action"], entry["target_id"]) == ("mcp_tool.update", "google_search")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"disallowed_keywords": ["("]}, "disallowed_keywords"),
        ({"calls_per_minute": -1}, "calls_per_minute"),
        ({"timeout_seconds": 0}, "timeout_seconds"),
        ({"is_active": "perhaps"}, "is_active"),
        ({"name": "mine"}, "name"),
    ],
)
async def test_what_cannot_be_set_is_named(boss: aiohttp.ClientSession, body: Json, param: str) -> None:
    async with boss.patch(SEARCH, json=body) as answer:
        error = error_in(await answer.json())

    assert (answer.status, error["param"]) == (400, param)


async def test_only_admins_may(api: aiohttp.ClientSession) -> None:
    async with api.patch(SEARCH, json={"is_active": False}) as answer:
        assert answer.status == 403
    async with api.get("/v1/admin/mcp-calls") as answer:
        assert answer.status == 403


async def test_an_unknown_tool_is_a_404(boss: aiohttp.ClientSession) -> None:
    for method, path in (("GET", ""), ("PATCH", ""), ("PUT", "/tenants/t"), ("DELETE", "/tenants/t")):
        async with boss.request(method, f"{TOOLS}/nobody{path}", json={}) as answer:
            assert answer.status == 404, (method, path)
