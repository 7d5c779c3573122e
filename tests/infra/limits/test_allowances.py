"""A tenant's tier and budgets are remembered, forgotten when they change, and never of before a change."""

import pytest
from pydantic import SecretStr

from contracts.errors import ApiError
from infra.database import Database, open_database
from infra.limits.allowances import CHANGED, Allowances
from infra.settings import DatabaseSettings, LimitSettings
from infra.store.tiers import set_tier
from tests.infra.limits.conftest import give_budget

pytestmark = pytest.mark.stack
AWAY = DatabaseSettings(url=SecretStr("postgresql://jan:jan@127.0.0.1:1/jan"), timeout=1)


class Clock:
    """Seconds as the test has them."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def change_tier(store: Database, tenant: str, tier: str) -> None:
    async with store.begin() as session:
        await set_tier(session, tenant, tier)


async def test_who_has_no_tier_has_the_default_one(store: Database, tenant: str) -> None:
    allowance = await Allowances(store, LimitSettings()).of(tenant)

    assert (allowance.tier, allowance.requests, allowance.tokens) == ("free", 10, 20_000)
    assert allowance.budgets == ()


async def test_a_change_is_seen_when_it_was_told_or_after_a_while(store: Database, tenant: str) -> None:
    clock = Clock()
    allowances = Allowances(store, LimitSettings(cache=30), clock=clock)
    tiers = [(await allowances.of(tenant)).tier]

    await change_tier(store, tenant, "pro")
    tiers.append((await allowances.of(tenant)).tier)
    allowances.heed({CHANGED: tenant})
    tiers.append((await allowances.of(tenant)).tier)
    await change_tier(store, tenant, "enterprise")
    clock.now = 31
    tiers.append((await allowances.of(tenant)).tier)
    await change_tier(store, tenant, "starter")
    await allowances.reload()
    tiers.append((await allowances.of(tenant)).tier)

    assert tiers == ["free", "free", "pro", "enterprise", "starter"]


async def test_other_notices_and_other_tenants_change_nothing(store: Database, tenant: str) -> None:
    allowances = Allowances(store, LimitSettings())
    known = await allowances.of(tenant)

    allowances.heed({CHANGED: "somebody"})
    allowances.heed({"deny": tenant})

    assert await allowances.of(tenant) is known


async def test_a_tier_that_the_configuration_forgot_is_the_default_one(store: Database, tenant: str) -> None:
    await change_tier(store, tenant, "platinum")

    assert (await Allowances(store, LimitSettings()).of(tenant)).tier == "free"


async def test_budgets_hold_for_the_key_that_asks(store: Database, tenant: str) -> None:
    await give_budget(store, tenant, 5)

    allowance = await Allowances(store, LimitSettings()).of(tenant)

    assert [one.amount for one in allowance.budgets_for("01KEY")] == [5]
    assert [one.amount for one in allowance.budgets_for(None)] == [5]


async def test_while_the_database_is_away_the_last_known_allowance_holds(
    store: Database, tenant: str
) -> None:
    clock = Clock()
    allowances = Allowances(store, LimitSettings(), clock=clock)
    await change_tier(store, tenant, "pro")
    await allowances.of(tenant)
    clock.now = 1_000

    async with open_database(AWAY) as away:
        allowances._database = away  # the server that it read from is gone
        assert (await allowances.of(tenant)).tier == "pro"


async def test_an_unknown_tenant_gets_the_default_tier_or_none_at_all() -> None:
    async with open_database(AWAY) as away:
        allowance = await Allowances(away, LimitSettings()).of("t")
        with pytest.raises(ApiError):
            await Allowances(away, LimitSettings(without_redis="closed")).of("t")

    assert allowance.tier == "free"
