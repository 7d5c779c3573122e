"""The real servers of the tests, each started on first use and kept until the session ends."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, TypeVar

import pytest
import pytest_asyncio
from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from infra.embedded.broker import broker_server
from infra.embedded.child import await_ready, start_child, stop_child
from infra.embedded.embeddings import embeddings_server
from infra.embedded.home import Home, open_home
from infra.embedded.model import MODEL, model_server
from infra.embedded.place import Place
from infra.embedded.ports import Ports
from infra.embedded.postgres import postgres_server
from infra.embedded.seaweedfs import seaweedfs_server
from infra.embedded.server import Server
from infra.embedded.valkey import valkey_server
from infra.settings import (
    DatabaseSettings,
    KafkaSettings,
    ObjectSettings,
    ProviderSettings,
    RedisSettings,
    StackSettings,
)
from tests.collector import Collector, open_collector
from tests.engines.server import Engines, open_engines
from tests.product import Product, Servers, open_product
from tests.upstream.server import Upstream, open_upstream

MODELS = (
    "scripted",
    "scripted-broken",
    "scripted-calling",
    "scripted-failing",
    "scripted-held",
    "scripted-json",
    "scripted-limited",
    "scripted-slow",
    "scripted-tool",
    "smollm2-135m-instruct",
    "vendor/scripted-large",
)
"""What the provider lists whenever the product asks, so that every test may name one of them."""
QUICK = {
    "JAN_PROVIDERS_NETWORKS": "127.0.0.0/8",
    "JAN_MEDIA_NETWORKS": "127.0.0.0/8",
    "JAN_SCRAPE_NETWORKS": "127.0.0.0/8",
    "JAN_MCP_NETWORKS": "127.0.0.0/8",
    "JAN_WEBHOOKS_NETWORKS": "127.0.0.0/8",
    "JAN_WEBHOOKS_TIMEOUT": "1.5",
    "JAN_WEBHOOKS_DELAYS": "0.1,0.1,0.1",
    "JAN_WEBHOOKS_LOOK_SECONDS": "0.5",
    "JAN_AUTH_GUEST_LOGINS": "0",
    "JAN_AUTH_FAILURES": "0",
    "JAN_AUTH_PUBLIC_READS": "0",
    "JAN_LIMITS_PRICES": "*=1000/1000",
    "JAN_EDGE_HEARTBEAT": "0.6",
    "JAN_EDGE_BODY_TIMEOUT": "2",
    "JAN_KAFKA_SESSION_TIMEOUT_MS": "6000",
    "JAN_WORKER_LEASE": "3",
    "JAN_PROVIDER_RETRY_BASE": "0.02",
    "JAN_PROVIDER_RETRY_LIMIT": "2",
    "JAN_SEARCH_SERPER_KEY": "serper-8c1d4e7a2b5f",
    "JAN_SEARCH_BREAKER_FAILURES": "1000000",
    "JAN_PROVIDER_KEY": "sk-provider-5f3c9a7d1e2b4c6f",
}
"""Shorter waits than the product's own, so that tests of them end soon."""
T = TypeVar("T")


class BrokerChoice(BaseSettings):
    """`JAN_TEST_BROKER=tansu` runs the tests on the fallback broker."""

    model_config = SettingsConfigDict(env_prefix="JAN_TEST_", extra="ignore")

    broker: Literal["kafka", "tansu"] = "kafka"


@pytest.fixture(scope="session")
def given() -> StackSettings:
    """Addresses in the environment, which replace the servers here too."""
    return StackSettings()


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Place:
    """Where this session's servers stand; Kafka's jars are kept in the checkout."""
    cache = Path(pytestconfig.rootpath) / ".jan" / "cache"
    return Place(open_home(tmp_path_factory.mktemp("stack"), cache), Ports(usual=False))


@pytest.fixture(scope="session")
def kafka(place: Place, given: StackSettings) -> Iterator[KafkaSettings]:
    """Apache Kafka, or the fallback where that was asked for or Kafka can't be had."""
    if given.given_kafka is not None:
        yield KafkaSettings()
        return
    fallback = BrokerChoice().broker == "tansu"
    with running(lambda: broker_server(place, print, fallback=fallback), place.home) as server:
        flavor: Literal["kafka", "tansu"] = (
            "tansu" if server.offers["JAN_KAFKA_FLAVOR"] == "tansu" else "kafka"
        )
        yield KafkaSettings(bootstrap=server.offers["JAN_KAFKA_BOOTSTRAP"], flavor=flavor)


@pytest.fixture(autouse=True)
def _needs_kafka(request: pytest.FixtureRequest) -> None:
    """Skip what is marked `kafka` on a broker that isn't Apache Kafka."""
    if request.node.get_closest_marker("kafka") is None:
        return
    settings = request.getfixturevalue("kafka")
    if settings.flavor != "kafka":
        pytest.skip("needs Apache Kafka, this run has the fallback broker")


@pytest.fixture(scope="session")
def database(place: Place, given: StackSettings) -> Iterator[DatabaseSettings]:
    """PostgreSQL with an empty database."""
    if given.given_database is not None:
        yield DatabaseSettings()
        return
    with running(lambda: postgres_server(place), place.home) as server:
        yield DatabaseSettings(url=SecretStr(server.offers["JAN_DATABASE_URL"]))


@pytest.fixture(scope="session")
def valkey(place: Place, given: StackSettings) -> Iterator[RedisSettings]:
    """An empty Valkey."""
    if given.given_redis is not None:
        yield RedisSettings()
        return
    with running(lambda: valkey_server(place), place.home) as server:
        yield RedisSettings(url=SecretStr(server.offers["JAN_REDIS_URL"]))


@pytest.fixture(scope="session")
def objects(place: Place, given: StackSettings) -> Iterator[ObjectSettings]:
    """SeaweedFS without a bucket."""
    if given.given_objects is not None:
        yield ObjectSettings()
        return
    with running(lambda: seaweedfs_server(place), place.home) as server:
        yield ObjectSettings(
            endpoint=server.offers["JAN_S3_ENDPOINT"],
            access_key=server.offers["JAN_S3_ACCESS_KEY"],
            secret_key=SecretStr(server.offers["JAN_S3_SECRET_KEY"]),
        )


@pytest.fixture(scope="session")
def model(place: Place, given: StackSettings) -> Iterator[ProviderSettings]:
    """The small language model."""
    if given.given_provider is not None:
        yield ProviderSettings()
        return
    with running(lambda: model_server(place, given.model_threads), place.home) as server:
        yield ProviderSettings(url=server.offers["JAN_PROVIDER_URL"], models=(MODEL,), prefill="llama.cpp")


@pytest.fixture(scope="session")
def embedder_url(place: Place, given: StackSettings) -> Iterator[str]:
    """The local embeddings."""
    if given.given_embeddings is not None:
        yield given.given_embeddings
        return
    with running(lambda: embeddings_server(place), place.home) as server:
        yield server.offers["JAN_PROVIDER_EMBEDDINGS_URL"]


@contextmanager
def running(opening: Callable[[], Awaitable[Server]], home: Home) -> Iterator[Server]:
    """A server that is ready, until the block ends."""

    async def opened() -> Server:
        return await opening()

    server = run(opened())
    child = start_child(server, home)
    try:
        run(await_ready(child))
        yield server
    finally:
        run(stop_child(child))


def run(work: Coroutine[None, None, T]) -> T:
    """Run it on a loop of its own, which touches neither a test's loop nor the current one."""
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(work)
    finally:
        loop.close()


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


@pytest.fixture(scope="session")
def engines_port(place: Place) -> int:
    """The port that the product knows its search engines by, whoever listens there."""
    return place.ports.take(0)


@pytest.fixture(scope="session")
def collector() -> Iterator[Collector]:
    """Where the product sends its traces."""
    with open_collector() as collector:
        yield collector


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def product(
    servers: Servers, provider_port: int, engines_port: int, collector: Collector
) -> AsyncIterator[Product]:
    """One edge and one worker for the whole session: two products would share their consumer groups."""
    extra = {
        **QUICK,
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "JAN_SEARCH_SERPER_URL": f"http://127.0.0.1:{engines_port}/serper/search",
        "JAN_SEARCH_SEARXNG_URL": f"http://127.0.0.1:{engines_port}/searxng",
    }
    async with open_product(servers, f"http://127.0.0.1:{provider_port}/v1", extra=extra) as product:
        yield product


@pytest.fixture
async def upstream(provider_port: int) -> AsyncIterator[Upstream]:
    """The provider, with scripts of this test's own."""
    async with open_upstream(port=provider_port) as upstream:
        upstream.listed = list(MODELS)
        yield upstream


@pytest.fixture
async def engines(engines_port: int) -> AsyncIterator[Engines]:
    """The search engines, with scripts of this test's own."""
    async with open_engines(engines_port) as engines:
        yield engines
