"""A tenant with webhooks, on a real database, and what delivers them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from contracts.ids import WEBHOOK, new_id, new_ulid, response_id
from infra.database import Database
from infra.failpoints import Failpoints
from infra.outgoing.addresses import AddressPolicy
from infra.outgoing.posting import Poster, PostTargets, open_poster
from infra.sealing import Sealer
from infra.settings import SealSettings, WebhookSettings
from infra.store.webhook_endpoints import WebhookEndpointRow, endpoint_at, keep_endpoint, new_endpoint
from infra.store.webhooks import WebhookDeliveryRow, delivery_at, keep_delivery, record_event
from infra.telemetry.worker_metrics import WorkerMetrics
from workers.webhook.delivering import Deliveries, DeliveryMeans
from workers.webhook.places import Places

SEALER = Sealer(SealSettings(keys=(SecretStr("one:0123456789abcdef"),)))
COMPLETED = "response.completed"
SETTINGS = WebhookSettings(timeout=0.5, delays=(60.0, 60.0))
TENANT = "t1"


@dataclass
class Buried:
    """Dead letters, in memory."""

    letters: list[tuple[str, str]] = field(default_factory=list)

    async def bury(self, row: WebhookDeliveryRow, why: str) -> None:
        self.letters.append((row.delivery_id, why))


@dataclass
class Desk:
    """What tests do and look at."""

    database: Database
    poster: Poster
    settings: WebhookSettings = SETTINGS
    buried: Buried = field(default_factory=Buried)
    places: Places = field(default_factory=lambda: Places(4, 16))

    def worker(self) -> Deliveries:
        """A worker of its own."""
        means = DeliveryMeans(
            database=self.database,
            poster=self.poster,
            sealer=SEALER,
            dead=self.buried,
            metrics=WorkerMetrics(CollectorRegistry()),
            settings=self.settings,
            failpoints=Failpoints(),
            chance=lambda: 0.0,
        )
        return Deliveries(means, self.places)

    async def endpoint(self, url: str, *types: str, tenant: str = TENANT) -> tuple[WebhookEndpointRow, str]:
        """An endpoint and its secret."""
        row, secret = new_endpoint(new_id(WEBHOOK), tenant, "mine", url, SEALER, datetime.now(UTC))
        row.event_types = list(types or (COMPLETED,))
        async with self.database.begin() as session:
            await keep_endpoint(session, row)
        return row, secret

    async def happens(
        self, object_id: str | None = None, *, tenant: str = TENANT, extra_url: str | None = None
    ) -> list[str]:
        """A response completes; the deliveries."""
        async with self.database.begin() as session:
            return await record_event(
                session,
                tenant=tenant,
                event_type=COMPLETED,
                object_id=object_id or response_id(new_ulid()),
                now=datetime.now(UTC),
                extra_url=extra_url,
            )

    async def row(self, delivery_id: str, tenant: str = TENANT) -> WebhookDeliveryRow:
        async with self.database.begin() as session:
            row = await delivery_at(session, tenant, delivery_id)
        assert row is not None
        return row

    async def is_enabled(self, endpoint: WebhookEndpointRow) -> bool:
        async with self.database.begin() as session:
            row = await endpoint_at(session, endpoint.tenant, endpoint.endpoint_id)
        assert row is not None
        return row.is_enabled

    def soon(self) -> tuple[datetime, datetime]:
        """Now, and later."""
        now = datetime.now(UTC)
        return now, now + timedelta(minutes=1)

    async def hasten(self, delivery_id: str) -> None:
        """Its next try is due now, and nobody has it."""
        row = await self.row(delivery_id)
        row.next_at, row.leased_until = datetime.now(UTC), None
        async with self.database.begin() as session:
            await keep_delivery(session, await session.merge(row))


@asynccontextmanager
async def open_desk(database: Database, networks: tuple[str, ...] = ("127.0.0.0/8",)) -> AsyncIterator[Desk]:
    targets = PostTargets(AddressPolicy(networks))
    async with open_poster(targets, seconds=SETTINGS.timeout, agent="test") as poster:
        yield Desk(database, poster)
