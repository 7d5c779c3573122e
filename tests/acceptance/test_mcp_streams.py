"""Streams of calls: cut and gone on with on another edge, cancelled, left."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from contracts.ids import new_ulid
from tests.acceptance.test_mcp import PATH, called, initialized, posted
from tests.acceptance.waiting import LIMIT, until
from tests.engines.script import Script
from tests.engines.server import Engines
from tests.product import Product

pytestmark = [pytest.mark.stack, pytest.mark.usefixtures("tool_worker")]

Json = dict[str, Any]  # a JSON document
BOTH = {"Accept": "application/json, text/event-stream"}


@pytest.fixture
async def other(product: Product, token: str) -> AsyncIterator[aiohttp.ClientSession]:
    """The same caller, on another edge."""
    if len(product.urls) == 1:
        await product.add_edge()
    headers = {"Authorization": f"Bearer {token}"}
    timeout = aiohttp.ClientTimeout(total=LIMIT)
    async with aiohttp.ClientSession(product.urls[-1], headers=headers, timeout=timeout) as session:
        yield session


def search(**more: Any) -> Json:
    return called("google_search", {"q": f"streams {new_ulid()}"}, **more)


async def first_id(answer: aiohttp.ClientResponse) -> str:
    """The id of a stream's first event, which holds nothing else."""
    line = (await answer.content.readline()).decode().strip()
    assert line.startswith("id: ")
    assert (await answer.content.readline()).decode().strip() == "data:"
    return line.removeprefix("id: ")


def messages(text: str) -> list[Json]:
    """The JSON-RPC messages of a stream."""
    lines = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line.strip()]


async def test_a_stream_that_was_cut_goes_on_on_another_edge(
    api: aiohttp.ClientSession, other: aiohttp.ClientSession, engines: Engines
) -> None:
    gate = asyncio.Event()
    engines.next("serper", Script(gate=gate))
    session = await initialized(api)

    async with api.post(PATH, json=search(), headers={**BOTH, **session}) as answer:
        event_id = await first_id(answer)
        await engines.asked()
    async with other.get(PATH, headers={**session, "Last-Event-ID": event_id}) as rest:
        gate.set()
        (message,) = messages(await rest.text())
    async with api.get(PATH, headers={**session, "Last-Event-ID": event_id}) as again:
        repeated = messages(await again.text())

    assert (rest.status, rest.content_type) == (200, "text/event-stream")
    assert message["id"] == 7
    assert message["result"]["structuredContent"]["engine"] == "serper"
    assert repeated == [message]
    assert len(engines.requests) == 1


async def test_a_stream_belongs_to_its_caller(
    product: Product, api: aiohttp.ClientSession, engines: Engines
) -> None:
    session = await initialized(api)
    async with api.post(PATH, json=search(), headers={**BOTH, **session}) as answer:
        event_id = await first_id(answer)
        await answer.text()

    headers = {"Authorization": f"Bearer {await product.token()}", "Last-Event-ID": event_id}
    async with aiohttp.ClientSession(product.url, headers=headers) as stranger, stranger.get(PATH) as answer:
        assert answer.status == 404


async def test_an_older_client_gets_no_event_without_data(
    api: aiohttp.ClientSession, engines: Engines
) -> None:
    session = await initialized(api, "2025-06-18")

    async with api.post(PATH, json=search(), headers={**BOTH, **session}) as answer:
        text = await answer.text()

    assert len(messages(text)) == 1
    assert "data: \r" not in text
    assert "id: " in text


async def test_a_call_is_cancelled_by_its_id_on_any_edge(
    api: aiohttp.ClientSession, other: aiohttp.ClientSession, engines: Engines
) -> None:
    engines.always("serper", Script(fault="hang"))
    session = await initialized(api)
    cancel = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 7}}

    async with api.post(PATH, json=search(), headers={**BOTH, **session}) as answer:
        await first_id(answer)
        await engines.asked()
        async with other.post(PATH, json=cancel, headers=session) as told:
            assert told.status == 202
        (message,) = messages(await answer.text())

    assert message["error"]["code"] == -32800
    await engines.gone()
    await until(lambda: stands(api, "cancelled"))


async def test_a_strangers_cancel_changes_nothing(
    product: Product, api: aiohttp.ClientSession, engines: Engines
) -> None:
    gate = asyncio.Event()
    engines.next("serper", Script(gate=gate))
    session = await initialized(api)
    cancel = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 7}}

    async with api.post(PATH, json=search(), headers={**BOTH, **session}) as answer:
        await first_id(answer)
        await engines.asked()
        headers = {"Authorization": f"Bearer {await product.token()}", **session}
        async with aiohttp.ClientSession(product.url, headers=headers) as stranger:
            assert (await posted(stranger, cancel))[0] == 404
        gate.set()
        (message,) = messages(await answer.text())

    assert "result" in message


@pytest.mark.parametrize("headers", [{}, BOTH])
async def test_a_client_without_a_session_that_leaves_stops_its_call(
    api: aiohttp.ClientSession, engines: Engines, headers: dict[str, str]
) -> None:
    engines.always("serper", Script(fault="hang"))

    asking = asyncio.ensure_future(api.post(PATH, json=search(), headers=headers))
    await engines.asked()
    if headers:
        (await asking).close()
    else:
        asking.cancel()

    await engines.gone()
    await until(lambda: stands(api, "cancelled"))


async def test_a_client_of_the_newest_version_that_leaves_stops_its_call(
    api: aiohttp.ClientSession, engines: Engines
) -> None:
    engines.always("serper", Script(fault="hang"))
    version = "2026-07-28"
    body = search()
    body["params"]["_meta"] = {
        "io.modelcontextprotocol/protocolVersion": version,
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    names = {"MCP-Protocol-Version": version, "Mcp-Method": "tools/call", "Mcp-Name": "google_search"}

    asking = asyncio.ensure_future(api.post(PATH, json=body, headers={**BOTH, **names}))
    await engines.asked()
    asking.cancel()

    await engines.gone()
    await until(lambda: stands(api, "cancelled"))


async def test_a_client_that_says_so_leaves_its_call_running(
    api: aiohttp.ClientSession, engines: Engines
) -> None:
    gate = asyncio.Event()
    engines.next("serper", Script(gate=gate))

    asking = asyncio.ensure_future(api.post(PATH, json=search(), headers={"X-On-Disconnect": "detach"}))
    await engines.asked()
    asking.cancel()
    gate.set()

    await until(lambda: stands(api, "completed"))


async def stands(api: aiohttp.ClientSession, status: str) -> bool:
    """Whether the caller's last call has come to this."""
    async with api.get("/v1/mcp/calls", params={"limit": 1}) as answer:
        calls = (await answer.json())["data"]
    return bool(calls) and calls[0]["status"] == status
