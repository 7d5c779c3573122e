"""The small model, which knows no calls of tools, gets them by a prompt: a schema holds it to the form."""

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from infra.settings import ProviderSettings
from tests.acceptance.test_trimming import PATIENCE, is_offered
from tests.acceptance.waiting import until
from tests.engines.server import Engines
from tests.product import Product

pytestmark = [
    pytest.mark.stack,
    pytest.mark.usefixtures("response_worker", "tool_worker"),
    pytest.mark.timeout(300),
]

Json = dict[str, Any]  # OpenAI's wire
WEATHER: Json = {
    "type": "function",
    "name": "weather",
    "description": "The weather of a city",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string", "enum": ["Oslo", "Rome"]}},
        "required": ["city"],
    },
}


@pytest.fixture
async def small(product: Product, api: aiohttp.ClientSession, model: ProviderSettings) -> AsyncIterator[str]:
    """The name of the small model, which the product knows until the test ends."""
    real = {"JAN_PROVIDER_URL": model.url, "JAN_PROVIDER_NAME": "prompted"}
    name = f"prompted/{model.models[0]}"
    async with product.provided(real):
        await until(lambda: is_offered(api, name))
        yield name


async def made(api: aiohttp.ClientSession, **body: Any) -> Json:
    timeout = aiohttp.ClientTimeout(total=PATIENCE)
    async with api.post("/v1/responses", json=body, timeout=timeout) as answer:
        told: Json = await answer.json()
        assert answer.status == 200, told
        return told


async def test_it_calls_the_clients_function_in_the_form_of_its_schema(
    api: aiohttp.ClientSession, small: str
) -> None:
    response = await made(
        api, model=small, input="How is the weather in Oslo?", tools=[WEATHER], tool_choice="required",
        max_output_tokens=80, temperature=0,
    )  # fmt: skip

    assert response["status"] == "completed", response
    (call,) = response["output"]
    assert (call["type"], call["name"]) == ("function_call", "weather")
    assert json.loads(call["arguments"])["city"] in ("Oslo", "Rome")


async def test_it_searches_and_answers(api: aiohttp.ClientSession, small: str, engines: Engines) -> None:
    response = await made(
        api, model=small, input="Search for cats, then answer.", tools=[{"type": "web_search"}],
        tool_choice={"type": "web_search"}, max_output_tokens=400, max_tool_calls=1, temperature=0,
    )  # fmt: skip

    assert response["status"] in ("completed", "incomplete"), response
    search, *rest = response["output"]
    assert (search["type"], len(engines.requests)) == ("web_search_call", 1)
    assert [item["type"] for item in rest] == ["message"]
    assert response["execution_metadata"]["actual_depth"] == 2
