"""Refusals, and what becomes of requests while Redis is away."""

from dataclasses import replace
from typing import Any, cast

import pytest
from starlette.types import Scope

from api_edge.errors import error_headers
from api_edge.limits.limiting import Limiting
from contracts.envelope import Caller
from contracts.errors import ApiError
from infra.limits.admission import Ask, BudgetField, BudgetLevel, Level, Verdict
from infra.limits.allowances import Allowance
from infra.limits.errors import LimitsDown
from infra.limits.gate import Entry, Gate, Kind
from infra.settings import LimitSettings

CALLER = Caller(user_id="u", tenant="t")
NOON = 1_795_348_800.0
WELL = Entry(
    Allowance("free", 10, 20_000),
    Ask("t", None, 10, 100, 20_000, None, (BudgetField(None, "tokens", "day", 100),)),
    Verdict(0, NOON, Level(90, 6), Level(20_000, 0), 0, (BudgetLevel(60, 50, NOON + 600),)),
)


class FixedGate:
    """Answers what it is given, or nothing at all."""

    def __init__(self, entry: Entry | None) -> None:
        self._entry = entry

    async def admit(self, *_: object) -> Entry:
        if self._entry is None:
            raise LimitsDown
        return self._entry

    async def look(self, _: object) -> Entry:
        return await self.admit()


def limiting(entry: Entry | None, **settings: object) -> Limiting:
    return Limiting(cast("Gate", FixedGate(entry)), LimitSettings.model_validate(settings))


def refused(code: int, *, wait: float = 0, ends_at: float | None = NOON + 600) -> Entry:
    levels = (BudgetLevel(60, 50, ends_at),)
    return replace(WELL, verdict=replace(WELL.verdict, code=code, fits_in=wait, budgets=levels))


async def refusal(entry: Entry | None, **settings: object) -> tuple[ApiError, dict[bytes, bytes]]:
    scope: Scope = {"state": {}}
    with pytest.raises(ApiError) as caught:
        await limiting(entry, **settings).admit(scope, CALLER, Kind.READS)
    return caught.value, dict(error_headers(caught.value.detail))


async def test_an_answer_says_what_is_left() -> None:
    scope: Scope = {"state": {}}

    await limiting(WELL).admit(scope, CALLER, Kind.READS)

    assert (b"x-ratelimit-remaining", b"9") in scope["state"]["limits"]


@pytest.mark.parametrize(("code", "word"), [(1, "requests"), (2, "tokens")])
async def test_who_asks_too_much_is_told_when_to_come_back(code: int, word: str) -> None:
    error, headers = await refusal(refused(code, wait=6.2))

    assert (error.detail.status, error.detail.code) == (429, "rate_limit_exceeded")
    assert f"for {word}" in error.detail.message
    assert headers[b"retry-after"] == b"7"
    assert b"x-should-retry" not in headers


@pytest.mark.parametrize(
    ("ends_at", "after"), [(None, b"120"), (NOON + 600, b"120"), (NOON + 9.5, b"10"), (NOON - 1, b"1")]
)
async def test_a_used_up_budget_is_not_to_be_asked_again(ends_at: float | None, after: bytes) -> None:
    error, headers = await refusal(refused(3, ends_at=ends_at))

    assert (error.detail.status, error.detail.code) == (429, "insufficient_quota")
    assert "daily budget of this account" in error.detail.message
    assert (headers[b"retry-after"], headers[b"x-should-retry"]) == (after, b"false")


async def test_while_redis_is_away_requests_pass_unless_that_is_closed() -> None:
    scope: dict[str, Any] = {"state": {}}

    await limiting(None).admit(scope, CALLER, Kind.READS)
    error, headers = await refusal(None, without_redis="closed")

    assert scope["state"] == {}
    assert (error.detail.status, error.detail.code) == (503, "dependency_down")
    assert b"retry-after" in headers


async def test_a_quota_tells_of_rates_and_budgets() -> None:
    quota = await limiting(WELL).quota(CALLER)

    assert (quota.enforced, quota.tier) == (True, "free")
    assert quota.requests is not None
    assert (quota.requests.limit, quota.requests.remaining, quota.requests.reset_seconds) == (10, 9, 6)
    (budget,) = quota.budgets
    assert (budget.amount, budget.spent, budget.reserved, budget.remaining) == (100, 60, 50, 0)
    assert budget.resets_at is not None
