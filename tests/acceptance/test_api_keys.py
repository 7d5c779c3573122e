"""API keys on the running product: every surface, the official SDK, two edges."""

import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from openai import AsyncOpenAI, AuthenticationError

from tests.acceptance.asking import CHAT, HELLO, error_in
from tests.acceptance.waiting import LIMIT
from tests.product import Product
from tests.upstream.server import Upstream

pytestmark = pytest.mark.stack

Json = dict[str, Any]
PATH = "/auth/api-keys"
WITHIN = 1.0
"""Seconds in which a deletion is felt everywhere."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def second_edge(product: Product) -> str:
    """Another edge of the same product."""
    return await product.add_edge()


@pytest.fixture
async def key(api: aiohttp.ClientSession) -> Json:
    async with api.post(PATH, json={"name": "ci"}) as answer:
        assert answer.status == 201
        body: Json = await answer.json()
        return body


@pytest.fixture
async def plain(product: Product) -> AsyncIterator[aiohttp.ClientSession]:
    """HTTP without a credential."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=LIMIT)) as session:
        yield session


async def test_official_sdk_works_with_a_key(
    product: Product, upstream: Upstream, models: list[str], key: Json
) -> None:
    async with AsyncOpenAI(base_url=f"{product.url}/v1", api_key=key["key"], timeout=LIMIT) as sdk:
        answer = await sdk.chat.completions.create(**HELLO)

    assert answer.choices[0].message.content


async def test_official_sdk_is_told_of_a_wrong_key(product: Product) -> None:
    wrong = "sk_live_" + "0" * 48
    async with AsyncOpenAI(base_url=f"{product.url}/v1", api_key=wrong, max_retries=0) as sdk:
        with pytest.raises(AuthenticationError) as refusal:
            await sdk.models.list()

    assert refusal.value.code == "invalid_api_key"
    assert wrong not in str(refusal.value)


@pytest.mark.parametrize("header", ["Authorization", "X-API-Key"])
@pytest.mark.parametrize("prefix", ["", "/llm"])
async def test_key_opens_routes_in_either_header(
    product: Product, plain: aiohttp.ClientSession, key: Json, header: str, prefix: str
) -> None:
    value = f"Bearer {key['key']}" if header == "Authorization" else key["key"]

    async with plain.get(f"{product.url}{prefix}/v1/models", headers={header: value}) as answer:
        assert answer.status == 200
        assert answer.headers["X-Auth-Method"] == "api_key"


async def test_stream_by_a_key_is_a_stream(
    product: Product, upstream: Upstream, models: list[str], plain: aiohttp.ClientSession, key: Json
) -> None:
    body = {**HELLO, "stream": True}

    async with plain.post(product.url + CHAT, json=body, headers={"X-API-Key": key["key"]}) as answer:
        text = await answer.text()

    assert answer.status == 200
    assert text.rstrip().endswith("data: [DONE]")


async def test_deleted_key_is_refused_on_the_other_edge_within_a_second(
    product: Product, second_edge: str, plain: aiohttp.ClientSession, api: aiohttp.ClientSession, key: Json
) -> None:
    headers = {"X-API-Key": key["key"]}

    async def status(url: str) -> int:
        async with plain.get(f"{url}/v1/models", headers=headers) as answer:
            if answer.status != 200:
                assert error_in(await answer.json())["code"] == "invalid_api_key"
            return answer.status

    assert [await status(url) for url in (product.url, second_edge)] == [200, 200]

    async with api.delete(f"{PATH}/{key['id']}") as answer:
        assert answer.status == 204
    deleted_at = time.monotonic()

    assert await status(product.url) == 401
    while await status(second_edge) != 401:
        assert time.monotonic() - deleted_at < WITHIN
