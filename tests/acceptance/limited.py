"""Two edges with limits, beside the session's own that has none."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import aiohttp

from contracts.ids import new_ulid
from infra.database import Database, open_database
from infra.embedded.child import stop_child
from infra.limits.allowances import tell_changed
from infra.notices import open_notices
from infra.relay.redis import open_redis
from infra.store.budgets import BudgetRow, Period, Unit, set_budget
from infra.store.tiers import set_tier
from tests.acceptance.asking import Json
from tests.acceptance.waiting import LIMIT
from tests.product import Product

ON = {
    "JAN_RATE_LIMITS": "on",
    "JAN_LIMITS_TIMEOUT": "5",
    "JAN_LIMITS_TIERS": "free=4",
}
QUOTA = "/v1/users/me/quota"


@dataclass(frozen=True)
class Limited:
    """Two edges with limits."""

    product: Product
    urls: tuple[str, str]

    async def guest(self, tier: str | None = None) -> tuple[str, str]:
        """A new guest's token and tenant."""
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self.product.url}/llm/auth/guest-login") as answer,
        ):
            login = await answer.json()
        if tier is not None:
            async with self.store() as store:
                await self.give_tier(store, login["user_id"], tier)
        return login["access_token"], login["user_id"]

    def client(self, token: str, edge: int = 0) -> aiohttp.ClientSession:
        """Plain HTTP to one of the edges."""
        timeout = aiohttp.ClientTimeout(total=LIMIT)
        headers = {"Authorization": f"Bearer {token}"}
        return aiohttp.ClientSession(self.urls[edge], headers=headers, timeout=timeout)

    @asynccontextmanager
    async def store(self) -> AsyncIterator[Database]:
        """The database."""
        async with open_database(self.product.servers.database) as database:
            yield database

    async def give_tier(self, store: Database, tenant: str, tier: str) -> None:
        """As `jan limits tier` does."""
        async with store.begin() as session:
            await set_tier(session, tenant, tier)
        await self._tell(tenant)

    async def give_budget(self, tenant: str, unit: Unit, amount: int) -> None:
        """As `jan limits budget` does."""
        row = BudgetRow(
            budget_id=new_ulid(),
            tenant=tenant,
            unit=unit.value,
            period=Period.DAY.value,
            amount=amount,
            created_at=datetime.now(UTC),
        )
        async with self.store() as store, store.begin() as session:
            await set_budget(session, row)
        await self._tell(tenant)

    async def _tell(self, tenant: str) -> None:
        async with open_redis(self.product.servers.valkey) as redis, open_notices(redis) as notices:
            await tell_changed(notices, tenant)


@asynccontextmanager
async def open_limited(product: Product) -> AsyncIterator[Limited]:
    """The edges, until the block ends."""
    if not product.ledgers:
        await product.add_ledger()
    edges = len(product.edges)
    urls = [await product.add_edge(ON) for _ in range(2)]
    yield Limited(product, (urls[0], urls[1]))
    for edge in product.edges[edges:]:
        await stop_child(edge)
    del product.edges[edges:], product.urls[edges:]


async def quota(api: aiohttp.ClientSession) -> Json:
    """What a caller has, and what is left of it."""
    async with api.get(QUOTA) as answer:
        body: Json = await answer.json()
        assert answer.status == 200, body
        assert body["meta"]["request_id"] == answer.headers["X-Request-Id"]
        data: Json = body["data"]
        return data
