"""What is told of a request that a budget refused, wherever it was."""

from contracts.errors import ApiError, ErrorCode
from infra.limits.gate import Entry

MOST_WAIT = 120.0
"""Seconds; what a client is told to wait at most."""


def used_up(entry: Entry) -> ApiError:
    """The error of what a budget refused."""
    verdict, at = entry.verdict, entry.verdict.used_up
    assert at is not None  # noqa: S101  as the caller knows
    budget, level = entry.ask.budgets[at], verdict.budgets[at]
    whose = "this API key" if budget.key_id is not None else "this account"
    every = {"day": "daily", "month": "monthly"}.get(budget.period, "total")
    message = f"The {every} budget of {whose} does not cover this request; GET /v1/users/me/quota tells more"
    left = MOST_WAIT if level.ends_at is None else level.ends_at - verdict.now
    return ApiError(ErrorCode.BUDGET_EXCEEDED, message, retry_after=min(MOST_WAIT, max(1.0, left)))
