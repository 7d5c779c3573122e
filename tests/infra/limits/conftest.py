"""A real server, on which every test has names of its own."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from redis.asyncio import Redis

from contracts.ids import new_ulid
from contracts.story import Charge
from infra.database import Database, open_database
from infra.migrations.upgrade import upgrade
from infra.relay.redis import open_redis
from infra.settings import DatabaseSettings, LimitSettings, RedisSettings
from infra.store.budgets import BudgetRow, Period, Unit, set_budget
from infra.store.usage import add_usage
from infra.store.users import add_user, new_guest
from tests.infra.store.scratch import scratch_database

PATIENT = LimitSettings(timeout=5)
"""On a busy machine, too."""


@pytest.fixture
async def redis(valkey: RedisSettings) -> AsyncIterator[Redis]:
    async with open_redis(valkey) as redis:
        yield redis


@pytest.fixture
async def store(database: DatabaseSettings) -> AsyncIterator[Database]:
    """A migrated database of the test's own."""
    async with scratch_database(database) as settings:
        await upgrade(settings)
        async with open_database(settings) as opened:
            yield opened


@pytest.fixture
async def tenant(store: Database) -> str:
    """A guest's, on the default tier."""
    guest = new_guest(datetime.now(UTC))
    async with store.begin() as session:
        await add_user(session, guest)
    return guest.tenant


async def give_budget(
    store: Database, tenant: str, amount: int, *, unit: Unit = Unit.TOKENS, period: Period = Period.TOTAL
) -> None:
    """A budget for all of a tenant."""
    row = BudgetRow(
        budget_id=new_ulid(),
        tenant=tenant,
        unit=unit.value,
        period=period.value,
        amount=amount,
        created_at=datetime.now(UTC),
    )
    async with store.begin() as session:
        await set_budget(session, row)


async def use(store: Database, tenant: str, tokens: int, *, cost: int = 0) -> None:
    """Write that a tenant used so many tokens today."""
    today = datetime.now(UTC).date()
    async with store.begin() as session:
        await add_usage(session, [Charge(tenant, "", today, tokens, 0, cost)])
