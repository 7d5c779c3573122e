"""The product's own processes, started for tests on the session's servers and the test's provider."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count

import aiohttp
from aiokafka import AIOKafkaConsumer, TopicPartition

from contracts.topics import COMPLETION, worker_group
from infra.bus.topics import open_admin
from infra.embedded.check import answers_ok
from infra.embedded.child import Child, await_ready, run_to_end, start_child, stop_child
from infra.embedded.place import Place
from infra.embedded.server import Server
from infra.settings import DatabaseSettings, KafkaSettings, ObjectSettings, RedisSettings

_number = count(1)


@dataclass(frozen=True)
class Servers:
    """The real servers below the product."""

    place: Place
    kafka: KafkaSettings
    database: DatabaseSettings
    valkey: RedisSettings
    objects: ObjectSettings

    def environment(self) -> dict[str, str]:
        """What leads the product to them."""
        return {
            "JAN_KAFKA_BOOTSTRAP": self.kafka.bootstrap,
            "JAN_KAFKA_FLAVOR": self.kafka.flavor,
            "JAN_DATABASE_URL": self.database.url.get_secret_value(),
            "JAN_REDIS_URL": self.valkey.url.get_secret_value(),
            "JAN_S3_ENDPOINT": self.objects.endpoint,
            "JAN_S3_ACCESS_KEY": self.objects.access_key,
            "JAN_S3_SECRET_KEY": self.objects.secret_key.get_secret_value(),
        }


@dataclass
class Product:
    """Edges and workers that run, and how to reach and hurt them."""

    servers: Servers
    provider_url: str
    extra: Mapping[str, str] = field(default_factory=dict)
    edges: list[Child] = field(default_factory=list)
    workers: list[Child] = field(default_factory=list)
    media: list[Child] = field(default_factory=list)
    tools: list[Child] = field(default_factory=list)
    responses: list[Child] = field(default_factory=list)
    webhooks: list[Child] = field(default_factory=list)
    ledgers: list[Child] = field(default_factory=list)
    retries: list[Child] = field(default_factory=list)
    urls: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The gateway."""
        return self.urls[0]

    async def add_edge(self, extra: Mapping[str, str] | None = None, *, port: int | None = None) -> str:
        """Start an edge; its address."""
        port = self.servers.place.ports.take(0) if port is None else port
        surfaces = {name: self.servers.place.ports.take(0) for name in ("llm", "responses", "media", "mcp")}
        settings = {
            "JAN_EDGE_PORT": str(port),
            "JAN_EDGE_SURFACE_PORTS": ",".join(f"{name}={number}" for name, number in surfaces.items()),
            "JAN_EDGE_DRAIN_TIMEOUT": "5",
            **(extra or {}),
        }
        self.edges.append(await self._start("api_edge", port, settings))
        self.urls.append(f"http://127.0.0.1:{port}")
        return self.urls[-1]

    async def add_worker(self, extra: Mapping[str, str] | None = None) -> Child:
        """Start a completion worker."""
        return await self._add("workers.completion", self.workers, extra)

    async def add_media(self, extra: Mapping[str, str] | None = None) -> Child:
        """Start a worker that takes media in, with settings of its own if any."""
        return await self._add("workers.media", self.media, extra)

    async def add_tools(self, extra: Mapping[str, str] | None = None) -> Child:
        """Start a worker that calls tools, with settings of its own if any."""
        return await self._add("workers.tool", self.tools, extra)

    async def add_responses(self, extra: Mapping[str, str] | None = None) -> Child:
        """Start a worker that lets responses go on, with settings of its own if any."""
        return await self._add("workers.response", self.responses, extra)

    async def add_webhooks(self, extra: Mapping[str, str] | None = None) -> Child:
        """Start a worker that delivers webhooks, with settings of its own if any."""
        return await self._add("workers.webhook", self.webhooks, extra)

    async def _add(self, module: str, running: list[Child], extra: Mapping[str, str] | None) -> Child:
        port = self.servers.place.ports.take(0)
        settings = {
            "JAN_WORKER_METRICS_PORT": str(port),
            "JAN_WORKER_DRAIN_TIMEOUT": "5",
            **(extra or {}),
        }
        running.append(await self._start(module, port, settings))
        return running[-1]

    async def add_ledger(self) -> Child:
        """Start a ledger worker. It settles what edges with limits hold, if any."""
        port = self.servers.place.ports.take(0)
        settings = {"JAN_WORKER_METRICS_PORT": str(port), "JAN_RATE_LIMITS": "on"}
        self.ledgers.append(await self._start("workers.ledger", port, settings))
        return self.ledgers[-1]

    async def add_retry(self) -> Child:
        """Start a worker of the retry topics."""
        return await self._add("workers.retry", self.retries, None)

    async def provision(self, extra: Mapping[str, str] | None = None) -> None:
        """Make tables, topics and a bucket, and write the provider down. Workers that run learn of it soon,
        those that are started later know it from the beginning."""
        server = Server(
            name="provision",
            command=(sys.executable, "-m", "infra.provision"),
            address="",
            ready=lambda: asyncio.sleep(0, result=True),
            environment={
                **self.servers.environment(),
                "JAN_PROVIDER_URL": self.provider_url,
                **self.extra,
                **(extra or {}),
            },
        )
        await run_to_end(server, self.servers.place.home)

    @asynccontextmanager
    async def provided(self, provider: Mapping[str, str]) -> AsyncIterator[None]:
        """The provider is declared so, until the block ends."""
        await self.provision(provider)
        try:
            yield
        finally:
            await self.provision()

    async def token(self) -> str:
        """A guest's access token."""
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self.url}/llm/auth/guest-login") as answer,
        ):
            assert answer.status == 201
            token: str = (await answer.json())["access_token"]
            return token

    async def close(self) -> None:
        """Stop everything."""
        workers = [*self.workers, *self.media, *self.tools, *self.responses, *self.webhooks]
        workers += [*self.ledgers, *self.retries]
        await asyncio.gather(*(stop_child(child) for child in [*workers, *self.edges]))

    async def _start(self, module: str, port: int, settings: Mapping[str, str]) -> Child:
        async def ready() -> bool:
            return await answers_ok(port, "/readyz")

        server = Server(
            name=f"{module}-{next(_number)}",
            command=(sys.executable, "-m", module),
            address=f"http://127.0.0.1:{port}",
            ready=ready,
            environment={
                **self.servers.environment(),
                "JAN_PROVIDER_URL": self.provider_url,
                **self.extra,
                **settings,
            },
            orphan_signal=signal.SIGKILL,
            stop_limit=12,
        )
        child = start_child(server, self.servers.place.home)
        try:
            await await_ready(child)
        except BaseException:
            await stop_child(child)
            raise
        return child


async def stop_all(*kinds: list[Child]) -> None:
    """Stop these kinds of workers, of which none is left."""
    for children in kinds:
        while children:
            await stop_child(children.pop())


@asynccontextmanager
async def open_product(
    servers: Servers, provider_url: str, *, extra: Mapping[str, str] | None = None
) -> AsyncIterator[Product]:
    """One edge and one worker, ready, until the block ends."""
    product = Product(servers, provider_url, extra or {})
    await product.provision()
    await _pass_over_leftovers(servers.kafka)
    try:
        await asyncio.gather(product.add_edge(), product.add_worker())
        yield product
    finally:
        await product.close()


async def _pass_over_leftovers(kafka: KafkaSettings) -> None:
    """Count the jobs that earlier tests left on the lanes as done, so that no worker begins with them."""
    async with open_admin(kafka) as admin:
        described = await admin.describe_topics([topic.name for topic in COMPLETION.values()])
    counts = {topic["topic"]: len(topic["partitions"]) for topic in described}
    for topic in COMPLETION.values():
        consumer = AIOKafkaConsumer(
            bootstrap_servers=kafka.bootstrap, group_id=worker_group(topic), enable_auto_commit=False
        )
        await consumer.start()
        try:
            parts = [TopicPartition(topic.name, number) for number in range(counts[topic.name])]
            consumer.assign(parts)
            await consumer.commit(await consumer.end_offsets(parts))
        finally:
            await consumer.stop()
