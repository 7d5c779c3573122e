"""Every request's way past its caller's limits, and the error of one that is refused."""

import logging
from datetime import UTC, datetime

from starlette.types import Scope

from api_edge.limits.estimate import estimate
from api_edge.limits.headers import limit_headers
from contracts.envelope import Caller
from contracts.errors import ApiError, ErrorCode
from contracts.wire.quota import BudgetQuota, Quota, RateQuota
from infra.limits.admission import BudgetField, BudgetLevel, Level
from infra.limits.errors import LimitsDown
from infra.limits.gate import TENTHS, Entry, Estimate, Expected, Gate, Kind
from infra.limits.refusal import MOST_WAIT, used_up
from infra.settings import LimitSettings

log = logging.getLogger(__name__)


class Limiting:
    """Limits, switched on."""

    def __init__(self, gate: Gate, settings: LimitSettings) -> None:
        self._gate = gate
        self._settings = settings

    async def admit(self, scope: Scope, caller: Caller, kind: Kind) -> None:
        """Let a request in that makes no job. Its answer then says what is left. Raises ApiError: 429, or 503
        where Redis is away and that is to close the door."""
        await self._admit(scope, caller, kind, None)

    async def admit_job(
        self, scope: Scope, caller: Caller, job_id: str, expected: Expected, seconds: float
    ) -> None:
        """Let a job for a model in, holding what it is taken to use. Raises as above, with nothing held."""
        answer = self._settings.answer_tokens
        job = estimate(expected, job_id, answer_tokens=answer, seconds=seconds)
        await self._admit(scope, caller, expected.kind, job)

    async def release(self, tenant: str, job_id: str) -> None:
        """The job was not accepted, or is another's: it holds nothing."""
        await self._gate.release(tenant, job_id)

    async def quota(self, caller: Caller) -> Quota:
        """How a caller stands. Raises ApiError while Redis is away."""
        entry = await self._gate.look(caller)
        verdict, allowance = entry.verdict, entry.allowance
        requests = Level(verdict.requests.left // TENTHS, verdict.requests.full_in)
        budgets = zip(entry.ask.budgets, verdict.budgets, strict=True)
        return Quota(
            enforced=True,
            tier=allowance.tier,
            requests=_rate(allowance.requests, requests),
            tokens=_rate(allowance.tokens, verdict.tokens),
            budgets=[_budget(budget, level) for budget, level in budgets],
        )

    async def _admit(self, scope: Scope, caller: Caller, kind: Kind, job: Estimate | None) -> None:
        try:
            entry = await self._gate.admit(caller, kind, job)
        except LimitsDown:
            if self._settings.without_redis == "closed":
                raise
            return
        scope["state"]["limits"] = limit_headers(entry)
        if not entry.verdict.is_allowed:
            raise _refusal(entry)


def _refusal(entry: Entry) -> ApiError:
    verdict, allowance = entry.verdict, entry.allowance
    if verdict.used_up is not None:
        return used_up(entry)
    wait = min(MOST_WAIT, verdict.fits_in)
    what, limit = ("requests", allowance.requests) if verdict.code == 1 else ("tokens", allowance.tokens)
    message = (
        f"Rate limit reached for {what}: {limit} a minute in tier {allowance.tier}; try again in {wait:.1f} s"
    )
    return ApiError(ErrorCode.RATE_LIMITED, message, retry_after=wait)


def _rate(limit: int, level: Level) -> RateQuota:
    return RateQuota(limit=limit, remaining=level.left, reset_seconds=level.full_in)


def _budget(budget: BudgetField, level: BudgetLevel) -> BudgetQuota:
    return BudgetQuota(
        key_id=budget.key_id,
        unit=budget.unit,
        period=budget.period,
        amount=budget.amount,
        spent=level.spent,
        reserved=level.held,
        remaining=max(0, budget.amount - level.spent - level.held),
        resets_at=None if level.ends_at is None else datetime.fromtimestamp(level.ends_at, UTC),
    )
