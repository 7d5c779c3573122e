"""google_search on the running product, with scripted engines."""

import json
from typing import Any

import aiohttp
import pytest

from tests.conftest import QUICK
from tests.engines.script import Script
from tests.engines.server import Engines
from tests.product import Product

pytestmark = [pytest.mark.stack, pytest.mark.usefixtures("tool_worker")]

Json = dict[str, Any]  # a JSON document


async def searched(api: aiohttp.ClientSession, **arguments: Any) -> Json:
    """The result of a call with these arguments (which may be any JSON)."""
    params = {"name": "google_search", "arguments": arguments}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    async with api.post("/v1/mcp", json=body) as answer:
        told = await answer.json()
        assert answer.status == 200, told
    result: Json = told["result"]
    return result


async def test_a_search_is_answered_with_what_was_found(api: aiohttp.ClientSession, engines: Engines) -> None:
    result = await searched(api, q="cats", num=3)

    found = result["structuredContent"]
    assert not result.get("isError")
    assert (found["engine"], found["cache_status"], len(found["results"])) == ("serper", "live", 3)
    assert json.loads(result["content"][0]["text"]) == found
    assert (await engines.asked()).asked["q"] == "cats"


async def test_what_a_tenant_found_is_not_given_to_another(
    product: Product, api: aiohttp.ClientSession, engines: Engines
) -> None:
    headers = {"Authorization": f"Bearer {await product.token()}"}

    async with aiohttp.ClientSession(product.url, headers=headers) as stranger:
        await searched(api, q="dogs")
        own = await searched(api, q="dogs", offline_mode=True)
        foreign = await searched(stranger, q="dogs", offline_mode=True)

    assert own["structuredContent"]["cache_status"] == "cache"
    assert foreign["isError"] is True
    assert engines.order == ["serper"]


async def test_the_next_engine_answers(api: aiohttp.ClientSession, engines: Engines) -> None:
    engines.next("serper", Script(body=b"<html>captcha</html>"))

    found = (await searched(api, q="birds"))["structuredContent"]

    assert found["engine"] == "searxng"
    assert found["metadata"]["failures"][0]["outcome"] == "no_answer"


async def test_no_result_is_invented_and_no_key_is_told(api: aiohttp.ClientSession, engines: Engines) -> None:
    engines.next("serper", Script(status=403))
    engines.next("searxng", Script(status=403))

    result = await searched(api, q="fish")

    assert result["isError"] is True
    assert result.get("structuredContent") is None
    text = result["content"][0]["text"]
    assert text.startswith("No search engine answered (serper: ")
    assert QUICK["JAN_SEARCH_SERPER_KEY"] not in text
    assert "127.0.0.1" not in text
