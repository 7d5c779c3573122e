"""The MCP endpoint, by the official client and by plain JSON-RPC."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import httpx2
import pytest
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client

from contracts.tools.builtin import BUILT_IN
from tests.acceptance.waiting import LIMIT
from tests.product import Product

pytestmark = [pytest.mark.stack, pytest.mark.usefixtures("tool_worker")]

PATH = "/v1/mcp"
NEWEST, PREVIOUS = "2026-07-28", "legacy"
LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
BOTH = "application/json, text/event-stream"
Json = dict[str, Any]  # a JSON document


def called(tool: str, arguments: Json, **more: Any) -> Json:
    """A plain request to call a tool."""
    return {
        "jsonrpc": "2.0",
        "id": 7,
        "method": "tools/call",
        "params": {"name": tool, "arguments": arguments},
        **more,
    }


@asynccontextmanager
async def client_of(url: str, token: str, mode: str = "auto") -> AsyncIterator[Client]:
    """The official client, signed in."""
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx2.AsyncClient(headers=headers, timeout=LIMIT, trust_env=False) as http:
        transport = streamable_http_client(f"{url}{PATH}", http_client=http)
        async with Client(transport, mode=mode) as client:
            yield client


async def posted(
    api: aiohttp.ClientSession, body: Any, headers: Mapping[str, str] | None = None, path: str = PATH
) -> tuple[int, Json]:
    """The status and the JSON of an answer."""
    given = {"data": body} if isinstance(body, bytes) else {"json": body}
    async with api.post(path, headers=headers or {}, **given) as answer:
        return answer.status, await answer.json()


@pytest.mark.parametrize("mode", ["auto", NEWEST, PREVIOUS])
@pytest.mark.parametrize("path", ["/v1/mcp", "/mcp"])
async def test_the_official_client_lists_the_tools(
    product: Product, token: str, mode: str, path: str
) -> None:
    async with client_of(product.url, token, mode) as client:
        listed = (await client.list_tools()).tools

    names = {tool.name for tool in listed}
    assert {"google_search", "scrape", "file_search_query"} <= names <= set(BUILT_IN)
    for tool in listed:
        assert tool.input_schema == BUILT_IN[tool.name].input_schema
        assert tool.output_schema == BUILT_IN[tool.name].output_schema
        assert tool.annotations is not None


@pytest.mark.parametrize("mode", [NEWEST, PREVIOUS])
async def test_a_tool_that_is_not_there_is_an_error_of_the_protocol(
    product: Product, token: str, mode: str
) -> None:
    async with client_of(product.url, token, mode) as client:
        with pytest.raises(MCPError) as caught:
            await client.call_tool("no_such_tool", {})

    assert caught.value.code == -32602
    assert "no_such_tool" in caught.value.message


@pytest.mark.parametrize("mode", [NEWEST, PREVIOUS])
async def test_wrong_arguments_are_a_result_that_says_what_is_wrong(
    product: Product, token: str, mode: str
) -> None:
    async with client_of(product.url, token, mode) as client:
        result = await client.call_tool("scrape", {"url": ""})

    assert result.is_error
    assert "url" in result.content[0].text  # type: ignore[union-attr]  # a text


async def test_plain_json_rpc_is_answered_without_a_handshake(api: aiohttp.ClientSession) -> None:
    status, answer = await posted(api, LIST)

    assert (status, answer["jsonrpc"], answer["id"]) == (200, "2.0", 1)
    assert "google_search" in {tool["name"] for tool in answer["result"]["tools"]}


async def test_a_call_without_an_id_is_answered_with_null(api: aiohttp.ClientSession) -> None:
    body = called("scrape", {"url": "ftp://example.com"})
    del body["id"]

    status, answer = await posted(api, body)

    assert (status, answer["id"]) == (200, None)
    assert answer["result"]["isError"] is True


@pytest.mark.parametrize("accept", ["application/json", "*/*", "text/html", BOTH, "text/event-stream"])
async def test_every_accept_header_gets_an_answer(api: aiohttp.ClientSession, accept: str) -> None:
    async with api.post(PATH, json=LIST, headers={"Accept": accept}) as answer:
        text = await answer.text()

    assert answer.status == 200
    assert answer.content_type == ("text/event-stream" if "event-stream" in accept else "application/json")
    assert '"google_search"' in text


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{bad", -32700),
        (b"", -32700),
        (b'"\xff"', -32700),
        (b"[]", -32600),
        (b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]', -32600),
        (b"1", -32600),
        ({"id": 1, "method": "ping"}, -32600),
        ({"jsonrpc": "1.0", "id": 1, "method": "ping"}, -32600),
        ({"jsonrpc": "2.0", "id": None, "method": "ping"}, -32600),
        ({"jsonrpc": "2.0", "id": {}, "method": "ping"}, -32600),
        ({"jsonrpc": "2.0", "id": True, "method": "ping"}, -32600),
        ({"jsonrpc": "2.0", "id": 1}, -32600),
        ({"jsonrpc": "2.0", "id": 1, "method": 3}, -32600),
        ({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": []}, -32602),
    ],
)
async def test_what_is_no_message_is_told_as_the_protocol_has_it(
    api: aiohttp.ClientSession, body: Any, code: int
) -> None:
    status, answer = await posted(api, body, {"Content-Type": "application/json"})

    assert (status, answer["jsonrpc"], answer["error"]["code"]) == (400, "2.0", code)
    assert "pydantic" not in answer["error"]["message"]


@pytest.mark.parametrize(("version", "status"), [("2025-06-18", 200), ("2026-07-28", 404)])
async def test_a_method_that_is_not_there(api: aiohttp.ClientSession, version: str, status: int) -> None:
    meta = {
        "io.modelcontextprotocol/protocolVersion": version,
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    body = {"jsonrpc": "2.0", "id": 1, "method": "no/such", "params": {"_meta": meta}}
    headers = {"MCP-Protocol-Version": version, "Mcp-Method": "no/such"}

    assert await posted(api, body, headers) == (status, {"jsonrpc": "2.0", "id": 1, "error": {
        "code": -32601, "message": "Method not found", "data": "no/such"}})  # fmt: skip


async def test_a_version_that_nobody_speaks_is_refused(api: aiohttp.ClientSession) -> None:
    version = "1999-01-01"
    meta = {
        "io.modelcontextprotocol/protocolVersion": version,
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    headers = {"MCP-Protocol-Version": version, "Mcp-Method": "tools/list"}

    status, answer = await posted(api, {**LIST, "params": {"_meta": meta}}, headers)

    assert (status, answer["error"]["code"]) == (400, -32022)


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1.evil.example"])
async def test_pages_of_other_sites_are_refused(api: aiohttp.ClientSession, origin: str) -> None:
    status, answer = await posted(api, LIST, {"Origin": origin})

    assert (status, answer["error"]["code"]) == (403, "permission_denied")


async def test_pages_of_this_machine_may_speak(api: aiohttp.ClientSession) -> None:
    status, _ = await posted(api, LIST, {"Origin": "http://localhost:5173"})

    assert status == 200


async def test_without_credentials_a_client_is_led_to_who_hands_them_out(product: Product) -> None:
    async with aiohttp.ClientSession(product.url) as nobody:
        async with nobody.post(PATH, json=LIST) as answer:
            challenge = answer.headers["WWW-Authenticate"]
            assert answer.status == 401
        where = challenge.partition('resource_metadata="')[2].partition('"')[0]
        async with nobody.get(urlsplit(where).path) as answer:  # tests reach the edge by another port
            told = await answer.json()

    assert told["resource"].endswith("/v1/mcp")
    assert told["authorization_servers"]


async def initialized(api: aiohttp.ClientSession, version: str = "2025-11-25") -> dict[str, str]:
    """The headers of a new session."""
    about = {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    body = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": about}
    async with api.post(PATH, json=body) as answer:
        assert (await answer.json())["result"]["protocolVersion"] == version
        return {"Mcp-Session-Id": answer.headers["Mcp-Session-Id"], "MCP-Protocol-Version": version}


async def test_a_session_serves_on_any_edge_until_it_is_ended(
    product: Product, api: aiohttp.ClientSession, token: str
) -> None:
    session = await initialized(api)
    other = await product.add_edge()

    async with aiohttp.ClientSession(other, headers={"Authorization": f"Bearer {token}"}) as elsewhere:
        before = await posted(elsewhere, LIST, session)
        async with elsewhere.delete(PATH, headers=session) as answer:
            ended = answer.status
        after = await posted(api, LIST, session)

    assert (before[0], ended, after[0]) == (200, 204, 404)
    assert after[1]["error"]["message"] == "Session not found"


async def test_a_session_is_its_users_alone(product: Product, api: aiohttp.ClientSession) -> None:
    session = await initialized(api)

    headers = {"Authorization": f"Bearer {await product.token()}", **session}
    async with aiohttp.ClientSession(product.url, headers=headers) as stranger:
        assert (await posted(stranger, LIST))[0] == 404


async def test_tools_are_listed_in_plain_json(api: aiohttp.ClientSession) -> None:
    async with api.get("/v1/mcp/tools") as answer:
        page = await answer.json()

    assert page["object"] == "list"
    assert {"google_search", "scrape"} <= {tool["name"] for tool in page["data"]}
    assert all(tool["inputSchema"]["type"] == "object" for tool in page["data"])


async def test_a_call_is_recorded_for_its_caller_only(product: Product, api: aiohttp.ClientSession) -> None:
    async with api.post(PATH, json=called("scrape", {"url": "ftp://example.com"})) as answer:
        job_id = answer.headers["X-Job-Id"]

    async with api.get(f"/v1/mcp/calls/{job_id}") as answer:
        told = await answer.json()
    async with (
        aiohttp.ClientSession(
            product.url, headers={"Authorization": f"Bearer {await product.token()}"}
        ) as stranger,
        stranger.get(f"/v1/mcp/calls/{job_id}") as answer,
    ):
        foreign = answer.status

    assert (told["tool"], told["status"], told["arguments"]) == (
        "scrape",
        "failed",
        {"url": "ftp://example.com"},
    )
    assert told["result"]["is_error"] is True
    assert told["duration_ms"] >= 0
    assert foreign == 404


async def test_a_repeated_call_with_its_key_is_made_once(api: aiohttp.ClientSession) -> None:
    headers = {"Idempotency-Key": "the-same-call"}

    async with api.post(PATH, json=called("scrape", {"url": "ftp://example.com"}), headers=headers) as answer:
        first, job_id = await answer.json(), answer.headers["X-Job-Id"]
    async with api.post(PATH, json=called("scrape", {"url": "ftp://example.com"}), headers=headers) as answer:
        again, same_id = await answer.json(), answer.headers["X-Job-Id"]
    status, _ = await posted(api, called("scrape", {"url": "ftp://example.org"}), headers)

    assert (again, same_id, status) == (first, job_id, 422)


async def test_without_an_event_there_is_no_stream_to_go_on_with(api: aiohttp.ClientSession) -> None:
    async with api.get(PATH, headers={"Accept": "text/event-stream"}) as answer:
        assert answer.status == 405
    for event in ("nonsense", "01KB3M5Q8Z7V2T4X6Y8W0R1S2T.0.WzEsbnVsbF0", "a.b.c"):
        async with api.get(PATH, headers={"Last-Event-ID": event}) as answer:
            assert answer.status in {400, 404}
