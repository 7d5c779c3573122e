"""A stack of its own for a run: real servers, two of them behind proxies, and the product on them."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Literal

from pydantic import SecretStr

from infra.embedded.place import Place
from infra.embedded.seaweedfs import seaweedfs_server
from infra.settings import ObjectSettings
from tests.faults.mortal import Mortal
from tests.faults.own_servers import OwnServers, start_own_servers
from tests.faults.proxy import HOST, Proxy, open_proxy
from tests.faults.seat import Seat
from tests.product import Product, Servers

Broker = Literal["kafka", "tansu"]
SETTINGS = {
    "JAN_ENVIRONMENT": "test",
    "JAN_AUTH_ACCESS_TTL": "7200",
    "JAN_EDGE_HEARTBEAT": "2",
    "JAN_KAFKA_SESSION_TIMEOUT_MS": "6000",
    "JAN_WORKER_LEASE": "3",
    "JAN_PROVIDER_PREFILL": "llama.cpp",
}
"""Takeovers in seconds, so that a run of minutes has many."""
EDGES, WORKERS = 2, 3


@dataclass(frozen=True)
class Stack:
    """All that runs in a run."""

    direct: Servers
    """Past the proxies."""
    edges: Sequence[str]
    """Addresses."""
    tokens: Sequence[str]
    """One for each caller."""
    seats: Mapping[str, Sequence[Seat]]
    """By role: edge, worker, ledger, retry, kafka, postgres, valkey, s3."""
    proxies: Mapping[str, Proxy]
    """By role: kafka, valkey."""

    def seat(self, role: str, number: int) -> Seat:
        """One of a role's seats."""
        seats = self.seats[role]
        return seats[number % len(seats)]

    def product_seats(self) -> list[Seat]:
        """Those of the product's own processes."""
        return [seat for role in ("edge", "worker", "ledger", "retry") for seat in self.seats[role]]

    def heal(self) -> None:
        """No more faults on the wires."""
        for proxy in self.proxies.values():
            proxy.heal()


@asynccontextmanager
async def open_stack(place: Place, provider_port: int, tenants: int, broker: Broker) -> AsyncIterator[Stack]:
    """Two edges, three completion workers, a ledger and a retry worker on servers of their own."""
    async with AsyncExitStack() as opened:
        s3 = Mortal(await seaweedfs_server(place), place.home)
        opened.push_async_callback(s3.stop)
        await s3.start()
        servers = await start_own_servers(
            place.home.root, place, _objects(s3), fallback=broker == "tansu", disk=None
        )
        mortals = {"kafka": servers.kafka, "postgres": servers.postgres, "valkey": servers.valkey, "s3": s3}
        for mortal in mortals.values():
            opened.push_async_callback(mortal.stop)
        proxies = await _open_proxies(servers, opened)
        product = Product(
            servers.proxied, f"http://{HOST}:{provider_port}/v1", {**SETTINGS, **servers.environment()}
        )
        opened.push_async_callback(product.close)
        await _start(product)
        seats = {role: [Seat(role, mortal)] for role, mortal in mortals.items()} | _seats(product)
        for seat in (one for many in seats.values() for one in many):
            opened.push_async_callback(seat.mortal.stop)
        tokens = [await product.token() for _ in range(tenants)]
        yield Stack(servers.direct, product.urls, tokens, seats, proxies)


async def _open_proxies(servers: OwnServers, opened: AsyncExitStack) -> dict[str, Proxy]:
    ports = {
        "kafka": (servers.targets.kafka, servers.proxies.kafka),
        "valkey": (servers.targets.valkey, servers.proxies.valkey),
    }
    return {role: await opened.enter_async_context(open_proxy(*pair)) for role, pair in ports.items()}


async def _start(product: Product) -> None:
    await product.provision()
    await asyncio.gather(
        *(product.add_edge() for _ in range(EDGES)),
        *(product.add_worker() for _ in range(WORKERS)),
        product.add_ledger(),
        product.add_retry(),
    )


def _seats(product: Product) -> dict[str, list[Seat]]:
    home = product.servers.place.home
    roles = {
        "edge": product.edges,
        "worker": product.workers,
        "ledger": product.ledgers,
        "retry": product.retries,
    }
    return {
        role: [
            Seat(f"{role} {number}", Mortal(child.server, home, child))
            for number, child in enumerate(children)
        ]
        for role, children in roles.items()
    }


def _objects(s3: Mortal) -> ObjectSettings:
    offers: Mapping[str, str] = s3.server.offers
    return ObjectSettings(
        endpoint=offers["JAN_S3_ENDPOINT"],
        access_key=offers["JAN_S3_ACCESS_KEY"],
        secret_key=SecretStr(offers["JAN_S3_SECRET_KEY"]),
    )
