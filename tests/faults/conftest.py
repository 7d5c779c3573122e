"""What the tests of faults work with: clients, the logs of jobs, records of any kind, and the workers."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from infra.bus.producer import Producer, open_producer
from infra.embedded.child import stop_child
from infra.relay.log import LogReader
from infra.relay.redis import open_redis
from infra.settings import KafkaSettings, RedisSettings
from tests.acceptance.conftest import api, token
from tests.product import Product

__all__ = ["api", "token"]


@pytest.fixture
async def redis(valkey: RedisSettings) -> AsyncIterator[Redis]:
    """The relay's server."""
    async with open_redis(valkey) as redis:
        yield redis


@pytest.fixture
def logs(redis: Redis) -> LogReader:
    """The jobs' logs."""
    return LogReader(redis)


@pytest.fixture
async def producer(kafka: KafkaSettings) -> AsyncIterator[Producer]:
    """A way to write records that no edge would."""
    async with open_producer(kafka) as producer:
        yield producer


@pytest.fixture
async def hurt(product: Product) -> AsyncIterator[Product]:
    """The product, for a test that ends its processes: whole again afterwards."""
    yield product
    product.workers[:] = [worker for worker in product.workers if not worker.has_ended()]
    for spare in product.workers[1:]:
        await stop_child(spare)
        product.workers.remove(spare)
    if not product.workers:
        await product.add_worker()
