"""What tenants used, and what stands of their budgets."""

import asyncio
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import text

from contracts.ids import new_ulid
from contracts.story import Charge
from infra.database import Database
from infra.store.budgets import (
    BudgetRow,
    Period,
    Unit,
    budgets_of,
    period_of,
    remove_budget,
    set_budget,
    standings_of,
)
from infra.store.usage import DayUse, add_usage, usage_between

pytestmark = pytest.mark.stack
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
TODAY = NOON.date()


def charge(tokens: int, *, key: str = "", day: date = TODAY, tenant: str = "t", cost: int = 0) -> Charge:
    return Charge(tenant, key, day, tokens, tokens, cost)


def budget(unit: Unit, period: Period, amount: int = 9) -> BudgetRow:
    return BudgetRow(
        budget_id=new_ulid(), tenant="t", unit=unit.value, period=period.value, amount=amount, created_at=NOON
    )


async def test_use_adds_up_and_each_writing_is_counted(store: Database) -> None:
    async with store.begin() as session:
        await add_usage(session, [charge(1), charge(2), charge(4, key="k"), charge(8, tenant="other")])
    async with store.begin() as session:
        await add_usage(session, [charge(16), charge(-1)])
        await add_usage(session, [])

    async with store.begin() as session:
        rows = await (await session.connection()).execute(
            text("SELECT key_id, input_tokens, changes FROM daily_usage WHERE tenant = 't' ORDER BY key_id")
        )
        assert [tuple(row) for row in rows] == [("", 18, 4), ("k", 4, 1)]


async def test_writers_of_the_same_rows_do_not_wait_for_each_other_in_a_ring(store: Database) -> None:
    many = [charge(1, key=str(number)) for number in range(20)]

    async def write(at: int) -> None:
        async with store.begin() as session:
            await add_usage(session, many if at % 2 else reversed(many))

    async with asyncio.timeout(20):
        await asyncio.gather(*(write(at) for at in range(20)))


async def test_budgets_stand_by_their_period_unit_and_scope(store: Database) -> None:
    days = (TODAY, TODAY - timedelta(days=1), TODAY - timedelta(days=60))
    async with store.begin() as session:
        await add_usage(session, [charge(10**at, day=day, cost=at) for at, day in enumerate(days)])
        await add_usage(session, [charge(500, key="k")])
        for period in Period:
            await set_budget(session, budget(Unit.TOKENS, period))
        await set_budget(session, budget(Unit.MICRO_USD, Period.TOTAL))
        stood = (await standings_of(session, ["t", "nobody"], NOON))["t"]

    spent = {(one.unit, one.period): one.spent for one in stood}
    assert spent == {
        (Unit.TOKENS, Period.DAY): 1_002,
        (Unit.TOKENS, Period.MONTH): 1_022,
        (Unit.TOKENS, Period.TOTAL): 1_222,
        (Unit.MICRO_USD, Period.TOTAL): 3,
    }
    assert [one.changes for one in stood if one.period is Period.TOTAL] == [4, 4]


async def test_a_budget_takes_the_place_of_the_one_before(store: Database) -> None:
    async with store.begin() as session:
        await set_budget(session, budget(Unit.TOKENS, Period.DAY, 1))
        await set_budget(session, budget(Unit.TOKENS, Period.DAY, 2))
        assert [row.amount for row in await budgets_of(session, "t")] == [2]
        assert await remove_budget(session, "t", None, Unit.TOKENS, Period.DAY)
        assert not await remove_budget(session, "t", None, Unit.TOKENS, Period.DAY)
        assert await standings_of(session, ["t"], NOON) == {}


def test_periods_begin_and_end_at_midnight_in_utc() -> None:
    new_year = datetime(2027, 1, 1, tzinfo=UTC)
    late = datetime(2026, 12, 31, 23, 59, tzinfo=UTC)

    assert period_of(Period.DAY, late) == (date(2026, 12, 31), new_year)
    assert period_of(Period.MONTH, late) == (date(2026, 12, 1), new_year)
    assert period_of(Period.TOTAL, late)[1] is None


async def test_days_of_use_are_told_by_day_for_one_tenant(store: Database) -> None:
    days = [TODAY - timedelta(days=ago) for ago in range(4)]
    async with store.begin() as session:
        await add_usage(session, [charge(1, day=day, cost=10) for day in days])
        await add_usage(session, [charge(2, key="k", day=days[1]), charge(8, tenant="other", day=days[1])])
        told = await usage_between(session, "t", days[2], days[1])

    assert told == [DayUse(days[2], 1, 1, 10), DayUse(days[1], 3, 3, 10)]
