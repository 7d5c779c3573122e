"""The product on real servers, with a scripted provider, for clients as they are."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from infra.embedded.place import Place
from infra.settings import DatabaseSettings, KafkaSettings, ObjectSettings, RedisSettings
from tests.product import Product, Servers, open_product
from tests.upstream.server import Upstream, open_upstream


@pytest.fixture(scope="session")
def servers(
    place: Place,
    kafka: KafkaSettings,
    database: DatabaseSettings,
    valkey: RedisSettings,
    objects: ObjectSettings,
) -> Servers:
    """The servers below the product."""
    return Servers(place, kafka, database, valkey, objects)


@pytest.fixture(scope="session")
def provider_port(place: Place) -> int:
    """The port that the product knows its provider by, whoever listens there."""
    return place.ports.take(0)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def product(servers: Servers, provider_port: int) -> AsyncIterator[Product]:
    """One edge and one worker, for the whole session."""
    async with open_product(servers, f"http://127.0.0.1:{provider_port}/v1") as product:
        yield product


@pytest.fixture
async def upstream(provider_port: int) -> AsyncIterator[Upstream]:
    """The provider, with scripts of this test's own."""
    async with open_upstream(port=provider_port) as upstream:
        yield upstream
