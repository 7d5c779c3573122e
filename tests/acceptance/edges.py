"""Edges beside those that every test uses."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from infra.embedded.child import stop_child
from tests.product import Product


@asynccontextmanager
async def own_edge(product: Product, **settings: str) -> AsyncIterator[str]:
    """An edge with settings of its own."""
    url = await product.add_edge(settings)
    edge = product.edges[-1]
    try:
        yield url
    finally:
        product.urls.remove(url)
        product.edges.remove(edge)
        await stop_child(edge)
