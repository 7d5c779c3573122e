"""Budgets: how much a tenant, or one of its API keys, may use in a period."""

from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple, assert_never

from sqlalchemy import BigInteger, DateTime, UniqueConstraint, delete, text
from sqlmodel import Field, col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from contracts.ids import JOB_ID_LENGTH
from infra.store.api_keys import ApiKeyRow
from infra.store.table import Table


class Unit(StrEnum):
    """What is counted."""

    TOKENS = "tokens"
    MICRO_USD = "micro_usd"
    """Millionths of a US dollar."""


class Period(StrEnum):
    """When counting begins again, in UTC."""

    DAY = "day"
    MONTH = "month"
    TOTAL = "total"


class BudgetRow(Table, table=True):
    """One budget. Several may hold for one request; it must fit into each."""

    __tablename__ = "budgets"
    __table_args__ = (
        UniqueConstraint("tenant", "key_id", "unit", "period", postgresql_nulls_not_distinct=True),
    )

    budget_id: str = Field(primary_key=True, max_length=JOB_ID_LENGTH)
    tenant: str = Field(max_length=128, index=True)
    key_id: str | None = Field(
        default=None,
        foreign_key=f"{ApiKeyRow.__tablename__}.key_id",
        ondelete="CASCADE",
        max_length=JOB_ID_LENGTH,
    )
    """None for the whole tenant."""
    unit: str = Field(max_length=16)
    period: str = Field(max_length=16)
    amount: int = Field(sa_type=BigInteger, ge=0)
    created_at: datetime = Field(sa_type=DateTime(timezone=True))


class Standing(NamedTuple):
    """A budget, and what the ledger tells of it."""

    key_id: str | None
    unit: Unit
    period: Period
    amount: int
    ends_at: datetime | None
    """When counting begins again."""
    spent: int
    changes: int
    """Of two standings of the same period, the one with more changes is the later."""


def period_of(period: Period, now: datetime) -> tuple[date, datetime | None]:
    """The first day of the period that this moment lies in, and its end."""
    today = now.astimezone(UTC).date()
    match period:
        case Period.DAY:
            return today, _midnight(today + timedelta(days=1))
        case Period.MONTH:
            first = today.replace(day=1)
            return first, _midnight((first + timedelta(days=31)).replace(day=1))
        case Period.TOTAL:
            return date(1970, 1, 1), None
        case _:
            assert_never(period)


async def budgets_of(session: AsyncSession, tenant: str) -> list[BudgetRow]:
    """A tenant's budgets, those of its keys included."""
    rows = select(BudgetRow).where(col(BudgetRow.tenant) == tenant).order_by(col(BudgetRow.budget_id))
    return list(await session.exec(rows))


async def standings_of(
    session: AsyncSession, tenants: Collection[str], now: datetime
) -> dict[str, list[Standing]]:
    """What stands of the budgets of these tenants; who has none is left out."""
    values: dict[str, object] = {"tenants": sorted(tenants)}
    ends = {}
    for period in Period:
        first, ends[period] = period_of(period, now)
        values[period.value] = first
        values[f"{period}_end"] = (ends[period] or datetime.max.replace(tzinfo=UTC)).date()
    found: dict[str, list[Standing]] = {}
    for row in await (await session.connection()).execute(text(_STANDINGS), values):
        period = Period(row.period)
        standing = Standing(
            row.key_id, Unit(row.unit), period, row.amount, ends[period], int(row.spent), int(row.changes)
        )
        found.setdefault(row.tenant, []).append(standing)
    return found


async def set_budget(session: AsyncSession, budget: BudgetRow) -> None:
    """Keep a budget, in the place of one for the same unit and period."""
    await remove_budget(session, budget.tenant, budget.key_id, Unit(budget.unit), Period(budget.period))
    session.add(budget)
    await session.flush()


async def remove_budget(
    session: AsyncSession, tenant: str, key_id: str | None, unit: Unit, period: Period
) -> bool:
    """Whether there was such a budget; now there is none."""
    own = col(BudgetRow.key_id).is_(None) if key_id is None else col(BudgetRow.key_id) == key_id
    gone = delete(BudgetRow).where(
        col(BudgetRow.tenant) == tenant,
        own,
        col(BudgetRow.unit) == unit.value,
        col(BudgetRow.period) == period.value,
    )
    return bool((await session.exec(gone)).rowcount)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


_STANDINGS = """
SELECT b.tenant, b.key_id, b.unit, b.period, b.amount, coalesce(sum(u.changes), 0) AS changes,
  coalesce(sum(CASE b.unit WHEN 'tokens' THEN u.input_tokens + u.output_tokens ELSE u.micro_usd END), 0)
    AS spent
FROM budgets b LEFT JOIN daily_usage u ON u.tenant = b.tenant AND (b.key_id IS NULL OR u.key_id = b.key_id)
  AND u.day >= CASE b.period WHEN 'day' THEN CAST(:day AS date) WHEN 'month' THEN CAST(:month AS date)
    ELSE CAST(:total AS date) END
  AND u.day < CASE b.period WHEN 'day' THEN CAST(:day_end AS date) WHEN 'month' THEN CAST(:month_end AS date)
    ELSE CAST(:total_end AS date) END
WHERE b.tenant = ANY(CAST(:tenants AS text[]))
GROUP BY b.budget_id, b.tenant, b.key_id, b.unit, b.period, b.amount ORDER BY b.budget_id
"""
