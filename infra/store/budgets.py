"""Budgets: how much a tenant, or one of its API keys, may use in a period."""

from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple, assert_never

from sqlalchemy import BigInteger, DateTime, UniqueConstraint, delete, text
from sqlmodel import Field, col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from contracts.errors import ApiError, ErrorCode
from contracts.ids import JOB_ID_LENGTH, new_ulid
from infra.store.api_keys import ApiKeyRow
from infra.store.audit import Actor, note_change
from infra.store.table import Table
from infra.store.users import User, locked_user

MOST = 2**53 // 2
"""Of a budget: what Redis' scripts count exactly, with room for what is held."""


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


class Wanted(NamedTuple):
    """A budget, as somebody names it."""

    key_id: str | None
    """None for the whole tenant."""
    unit: Unit
    period: Period

    @property
    def name(self) -> str:
        """By which the audit log tells it from a user's others."""
        return ".".join(("budgets", *([self.key_id] if self.key_id else []), self.unit, self.period))


class UnknownKey(ApiError):
    """The user has no such API key."""

    def __init__(self) -> None:
        super().__init__(ErrorCode.INVALID_VALUE, "key_id: the user has no such API key", param="key_id")


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


async def change_budget(
    session: AsyncSession, user_id: str, wanted: Wanted, amount: int | None, by: Actor, now: datetime
) -> tuple[User | None, bool]:
    """Set a user's budget to an amount, or, without one, take it away; noted in the audit log.

    Tells the user, None where there is none, and whether something changed. Raises UnknownKey.
    """
    user = await locked_user(session, user_id)  # one lock for all of the user's budgets
    if user is None:
        return None, False
    last = await _amount(session, user, wanted)
    if last == amount:
        return user, False
    if amount is None:
        await remove_budget(session, user.tenant, *wanted)
    else:
        row = BudgetRow(
            budget_id=new_ulid(),
            tenant=user.tenant,
            key_id=wanted.key_id,
            unit=wanted.unit.value,
            period=wanted.period.value,
            amount=amount,
            created_at=now,
        )
        await set_budget(session, row)
    action = "user.remove_budget" if amount is None else "user.set_budget"
    note_change(session, by, now, action, user_id, {wanted.name: [last, amount]})
    return user, True


async def _amount(session: AsyncSession, user: User, wanted: Wanted) -> int | None:
    """What the budget is now; None where there is none. Raises UnknownKey."""
    if wanted.key_id is not None:
        key = await session.get(ApiKeyRow, wanted.key_id)
        if key is None or key.user_id != user.user_id:
            raise UnknownKey
    own = (col(BudgetRow.key_id) == wanted.key_id, col(BudgetRow.unit) == wanted.unit.value)
    rows = select(BudgetRow.amount).where(
        col(BudgetRow.tenant) == user.tenant, *own, col(BudgetRow.period) == wanted.period.value
    )
    return (await session.exec(rows)).first()


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
