"""The routes of users' budgets, for admins."""

from typing import Annotated

from fastapi import APIRouter, Query

from api_edge.admin.acting import Acting
from api_edge.admin.users_budgets import UserBudgets
from api_edge.admin.users_routes import UNKNOWN, Answers, UserId
from api_edge.middleware.identity import SignedIn
from contracts.wire.admin_users import BudgetAsk, BudgetPeriod, BudgetUnit, UserBudget
from contracts.wire.errors import ErrorAnswer
from contracts.wire.lists import Page

NO_BUDGET: Answers = {404: {"model": ErrorAnswer, "description": "There is no such user, or no such budget"}}


def admin_budgets_router(budgets: UserBudgets) -> APIRouter:
    """How much a user, or one of the user's keys, may use in a period."""
    router = APIRouter(prefix="/v1/admin/users/{user_id}/budgets", tags=["admin"])

    @router.get("", summary="List a user's budgets", responses=UNKNOWN)
    async def list_budgets(_: SignedIn, user_id: UserId) -> Page[UserBudget]:
        """All of them, those of the user's API keys too, with what was spent."""
        return await budgets.page(user_id)

    @router.put("", summary="Set a budget", responses=UNKNOWN)
    async def set_budget(by: Acting, user_id: UserId, body: BudgetAsk) -> UserBudget:
        """In the place of one for the same key, unit and period. Every server heeds it within a second."""
        return await budgets.set(user_id, body, by)

    @router.delete("", status_code=204, summary="Take a budget away", responses=NO_BUDGET)
    async def remove_budget(
        by: Acting,
        user_id: UserId,
        unit: Annotated[BudgetUnit, Query(description="usd and micro_usd are the same budget")],
        period: Annotated[BudgetPeriod, Query(description="In UTC")],
        key_id: Annotated[
            str | None, Query(max_length=128, description="Of one API key; left out: of all of the user's")
        ] = None,
    ) -> None:
        """In effect on every server within a second."""
        await budgets.remove(user_id, unit, period, key_id, by)

    return router
