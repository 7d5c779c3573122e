"""Clients of the running product: the official SDK in both its forms, and plain HTTP."""

from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest
import pytest_asyncio
from openai import AsyncOpenAI, OpenAI

from tests.acceptance.limited import Limited, open_limited
from tests.acceptance.syncing import models_told
from tests.acceptance.waiting import LIMIT
from tests.product import Product
from tests.upstream.server import Upstream


@pytest.fixture
async def token(product: Product) -> str:
    """A guest's access token."""
    return await product.token()


@pytest.fixture
async def media_worker(product: Product) -> Product:
    """The product, with a worker that takes media in; it stays for the tests that follow."""
    if not product.media:
        await product.add_media()
    return product


@pytest.fixture
async def tool_worker(product: Product) -> Product:
    """The product, with a worker that calls tools; it stays for the tests that follow."""
    if not product.tools:
        await product.add_tools()
    return product


@pytest.fixture
async def response_worker(product: Product) -> Product:
    """The product, with a worker that lets responses go on; it stays for the tests that follow."""
    if not product.responses:
        await product.add_responses()
    return product


@pytest.fixture
async def webhook_worker(product: Product) -> Product:
    """The product, with a worker that delivers webhooks; it stays for the tests that follow."""
    if not product.webhooks:
        await product.add_webhooks()
    return product


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def limited(product: Product) -> AsyncIterator[Limited]:
    """Two edges with limits."""
    async with open_limited(product) as edges:
        yield edges


@pytest.fixture
async def sdk(product: Product, token: str) -> AsyncIterator[AsyncOpenAI]:
    """The official Python SDK; it does not retry, so that each answer is seen."""
    async with AsyncOpenAI(
        base_url=f"{product.url}/v1", api_key=token, max_retries=0, timeout=LIMIT
    ) as client:
        yield client


@pytest.fixture
def blocking_sdk(product: Product, token: str) -> Iterator[OpenAI]:
    """The same without asyncio. Call it in a thread: the provider answers on the test's loop."""
    with OpenAI(base_url=f"{product.url}/v1", api_key=token, max_retries=0, timeout=LIMIT) as client:
        yield client


@pytest.fixture
async def api(product: Product, token: str) -> AsyncIterator[aiohttp.ClientSession]:
    """Plain HTTP with the guest's token."""
    async with aiohttp.ClientSession(
        product.url,
        headers={"Authorization": f"Bearer {token}"},
        timeout=aiohttp.ClientTimeout(total=LIMIT),
    ) as session:
        yield session


@pytest.fixture
async def models(product: Product, upstream: Upstream) -> list[str]:
    """The ids that the product offers, once its worker has asked the provider for them."""
    return await models_told(product)
