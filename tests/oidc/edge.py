"""An edge of the running product that knows an external issuer; and a browser on its way through a login."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from infra.embedded.child import stop_child
from tests.api_edge.ops.browser import Page
from tests.product import Product

ARRIVAL_LIMIT = 60.0
DIED = -32_000
"""The protocol's code for a question whose page was left before it was answered."""


@asynccontextmanager
async def open_login_edge(product: Product, port: int, settings: Mapping[str, str]) -> AsyncIterator[str]:
    """One more edge, whose own address is its issuer's name; ended with the block."""
    own = f"http://127.0.0.1:{port}"
    url = await product.add_edge({"JAN_AUTH_ISSUER": own, **settings}, port=port)
    child = product.edges[-1]
    try:
        yield url
    finally:
        product.urls.remove(url)
        product.edges.remove(child)
        await stop_child(child)


async def arrive(page: Page, condition: str) -> None:
    """Wait until it is true of whatever page the browser has come to."""
    async with asyncio.timeout(ARRIVAL_LIMIT):
        while True:
            try:
                await page.until(condition)
            except AssertionError as error:
                if str(DIED) not in str(error):
                    raise
            else:
                return
