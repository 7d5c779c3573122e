"""Budgets of users, as admins set them."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from api_edge.admin.users import UnknownUser, existing
from api_edge.middleware.paging import page_of
from contracts.errors import ApiError, ErrorCode
from contracts.ids import is_ulid
from contracts.wire.admin_users import BudgetAsk, BudgetPeriod, BudgetUnit, UserBudget
from contracts.wire.lists import Page
from infra.database import Database, Transaction
from infra.limits.allowances import tell_changed
from infra.notices import Notices
from infra.store.audit import Actor
from infra.store.budgets import (
    MOST,
    BudgetRow,
    Period,
    Standing,
    Unit,
    UnknownKey,
    Wanted,
    budgets_of,
    change_budget,
    standings_of,
)

MICRO = 1_000_000


@dataclass(frozen=True)
class UserBudgets:
    """What an admin does with a user's budgets. Each change is in the audit log, and every edge heeds it
    within a second."""

    database: Database
    notices: Notices

    async def page(self, user_id: str) -> Page[UserBudget]:
        """All of a user's budgets, those of their keys too. Raises UnknownUser."""
        async with self.database.begin() as session:
            user = await existing(session, user_id)
            budgets = await _views(session, user.tenant, datetime.now(UTC))
        return page_of(budgets, False, lambda budget: budget.id)  # noqa: FBT003  as `keyset` gives it

    async def set(self, user_id: str, ask: BudgetAsk, by: Actor) -> UserBudget:
        """Set a budget. Raises ApiError: UnknownUser, or 400 for an amount or a key that can't be."""
        amount = counted(ask.unit, ask.amount)
        wanted = _wanted(ask.unit, ask.period, ask.key_id)
        now = datetime.now(UTC)
        async with self.database.begin() as session:
            user, _ = await change_budget(session, user_id, wanted, amount, by, now)
            if user is None:
                raise UnknownUser
            budgets = await _views(session, user.tenant, now)
        await tell_changed(self.notices, user.tenant)
        return next(budget for budget in budgets if _is_of(budget, wanted))

    async def remove(
        self, user_id: str, unit: BudgetUnit, period: BudgetPeriod, key_id: str | None, by: Actor
    ) -> None:
        """Take a budget away. Raises ApiError: 404 for an unknown user or budget, 400 for an unknown key."""
        wanted = _wanted(unit, period, key_id)
        async with self.database.begin() as session:
            user, is_changed = await change_budget(session, user_id, wanted, None, by, datetime.now(UTC))
            if user is None:
                raise UnknownUser
            if not is_changed:
                raise ApiError(ErrorCode.NOT_FOUND, "The user has no such budget")
        await tell_changed(self.notices, user.tenant)


def counted(unit: BudgetUnit, amount: float) -> int:
    """An amount as tokens or micro_usd. Raises ApiError for one that is not whole, or too large."""
    number = Decimal(str(amount)) * (MICRO if unit is BudgetUnit.USD else 1)
    if number > MOST or number != int(number):
        most = Decimal(MOST) / MICRO if unit is BudgetUnit.USD else MOST
        places = "of up to six places" if unit is BudgetUnit.USD else "whole"
        message = f"amount must be {places}, and at most {most:,}"
        raise ApiError(ErrorCode.INVALID_VALUE, message, param="amount")
    return int(number)


def _wanted(unit: BudgetUnit, period: BudgetPeriod, key_id: str | None) -> Wanted:
    if key_id is not None and not is_ulid(key_id):
        raise UnknownKey
    kept = Unit.TOKENS if unit is BudgetUnit.TOKENS else Unit.MICRO_USD
    return Wanted(key_id, kept, Period(period.value))


async def _views(session: Transaction, tenant: str, now: datetime) -> list[UserBudget]:
    rows = await budgets_of(session, tenant)
    told = (await standings_of(session, [tenant], now)).get(tenant, [])
    standings = {(one.key_id, one.unit.value, one.period.value): one for one in told}
    known = [(row, standings.get((row.key_id, row.unit, row.period))) for row in rows]
    return [_view(row, standing) for row, standing in known if standing is not None]


def _view(row: BudgetRow, standing: Standing) -> UserBudget:
    return UserBudget(
        id=row.budget_id,
        key_id=row.key_id,
        unit=row.unit,
        period=row.period,
        amount=row.amount,
        spent=standing.spent,
        remaining=max(0, row.amount - standing.spent),
        resets_at=standing.ends_at,
        created_at=row.created_at,
    )


def _is_of(budget: UserBudget, wanted: Wanted) -> bool:
    return (budget.key_id, budget.unit, budget.period) == (wanted.key_id, wanted.unit, wanted.period)
