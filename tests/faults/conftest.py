"""What the tests of faults work with: clients, the logs of jobs, records of any kind, and the workers."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from infra.bus.producer import Producer, open_producer
from infra.embedded.child import stop_child
from infra.embedded.place import Place
from infra.relay.log import LogReader
from infra.relay.redis import open_redis
from infra.settings import KafkaSettings, ObjectSettings, RedisSettings
from tests.acceptance.conftest import api, response_worker, token, webhook_worker
from tests.conftest import BrokerChoice, run
from tests.faults.own_servers import OwnServers, small_disk, start_own_servers
from tests.faults.own_stack import OwnStack, open_own_stack
from tests.product import Product, stop_all

__all__ = ["api", "response_worker", "token", "webhook_worker"]


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


@pytest.fixture
async def alone(product: Product) -> AsyncIterator[Product]:
    """The product, for a test that starts the workers of responses and tools itself."""
    await stop_all(product.responses, product.tools)
    yield product
    await stop_all(product.responses, product.tools)


@pytest.fixture(scope="session")
def own_servers(place: Place, objects: ObjectSettings) -> Iterator[OwnServers]:
    """Kafka, Valkey and PostgreSQL for the tests that hurt them."""
    if BrokerChoice().broker == "tansu":
        pytest.skip("needs Apache Kafka: the fallback broker keeps nothing, and settles two members late")
    with (
        tempfile.TemporaryDirectory(
            prefix="jan-own-"
        ) as root,  # a disk of killed tests is none of pytest's to clear
        small_disk(Path(root) / "kafka" / "logs") as disk,
    ):
        servers = run(start_own_servers(Path(root), place, objects, disk=disk))
        try:
            if servers.direct.kafka.flavor != "kafka":
                pytest.skip("needs Apache Kafka, which can't be had here")
            yield servers
        finally:
            run(servers.stop())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def own(own_servers: OwnServers) -> AsyncIterator[OwnStack]:
    """The product on them. Its tests run on the module's loop, as its provider and proxies do."""
    async with open_own_stack(own_servers) as stack:
        yield stack
