"""The product on servers that may be hurt: an edge, two workers and a ledger, behind proxies."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp

from contracts.events import EVENT, TERMINAL_EVENTS, Event
from contracts.topics import EVENTS
from infra.bus.tail import read_topic
from infra.embedded.check import answers_ok
from tests.conftest import QUICK
from tests.faults.crowd import NAMES
from tests.faults.own_servers import OwnServers
from tests.faults.proxy import Proxy, open_proxy
from tests.product import Product
from tests.upstream.server import Upstream, open_upstream

LATE = "late"
"""The model of those who don't belong to the crowd."""
SETTINGS = {
    **QUICK,
    "JAN_LEDGER_GATHER": "0.05",
    "JAN_KAFKA_REQUEST_TIMEOUT_MS": "6000",
    "JAN_DATABASE_TIMEOUT": "4",
}
"""Shorter limits than the product's own, so that outages are soon longer."""


@dataclass(frozen=True)
class OwnStack:
    """Everything, and a guest of it."""

    servers: OwnServers
    kafka_proxy: Proxy
    redis_proxy: Proxy
    upstream: Upstream
    product: Product
    token: str

    async def unwell(self) -> set[str]:
        """What the edge's readiness says is not well."""
        async with (
            aiohttp.ClientSession(self.product.url) as session,
            session.get("/readyz", timeout=aiohttp.ClientTimeout(total=5)) as answer,
        ):
            report = await answer.json()
            assert (answer.status == 200) == (report["status"] == "ready")
            return {check["name"] for check in report["checks"] if not check["ok"]}

    async def is_well(self) -> bool:
        """Whether every process says that all is well."""
        workers = [*self.product.workers, *self.product.ledgers]
        ports = [int(worker.server.address.rpartition(":")[2]) for worker in workers]
        are_ready = await asyncio.gather(*(answers_ok(port, "/readyz") for port in ports))
        return all(are_ready) and await self.unwell() == set()

    async def events_of(self, job_ids: set[str]) -> dict[str, list[Event]]:
        """What the event topic says of these jobs."""
        found: dict[str, list[Event]] = {job_id: [] for job_id in job_ids}
        async for record in read_topic(self.servers.direct.kafka, EVENTS):
            event = EVENT.validate_json(record.value or b"")
            if event.job_id in found:
                found[event.job_id].append(event)
        return found

    async def have_ended_once(self, job_ids: set[str]) -> bool:
        """Whether each has an end; two that differ in more than their time are a failure."""
        ends = {
            job_id: {
                one.model_dump_json(exclude={"at"}) for one in events if isinstance(one, TERMINAL_EVENTS)
            }
            for job_id, events in (await self.events_of(job_ids)).items()
        }
        assert all(len(different) <= 1 for different in ends.values()), ends
        return all(ends.values())


@asynccontextmanager
async def open_own_stack(servers: OwnServers) -> AsyncIterator[OwnStack]:
    """The processes, ready, until the block ends; with the provider and the proxies on the caller's loop."""
    async with (
        open_proxy(servers.targets.kafka, servers.proxies.kafka) as kafka_proxy,
        open_proxy(servers.targets.valkey, servers.proxies.valkey) as redis_proxy,
        open_upstream() as upstream,
    ):
        upstream.listed = [*NAMES, LATE]
        product = Product(servers.proxied, upstream.url, {**SETTINGS, **servers.environment()})
        await product.provision()
        try:
            await asyncio.gather(
                product.add_edge(), product.add_worker(), product.add_worker(), product.add_ledger()
            )
            token = await product.token()
            yield OwnStack(servers, kafka_proxy, redis_proxy, upstream, product, token)
        finally:
            await product.close()
        children = [*product.edges, *product.workers, *product.ledgers]
        ends = {child.server.name: child.process.returncode for child in children}
        assert set(ends.values()) == {0}, ends
