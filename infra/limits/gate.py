"""Lets a tenant's request in, or tells what refused it."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from weakref import WeakValueDictionary

from contracts.envelope import Caller
from infra.database import Database, DatabaseUnavailable
from infra.limits.admission import (
    KNOWN,
    Admissions,
    Ask,
    Reservation,
    Verdict,
    field_of,
    open_admissions,
    reading,
)
from infra.limits.allowances import Allowance, Allowances
from infra.limits.errors import LimitsDown
from infra.limits.prices import Cost, Prices
from infra.notices import Notices, followed
from infra.settings import Settings
from infra.store.budgets import standings_of

READINGS = 3
"""Times that budgets are read for one request; a period may end in between."""
TENTHS = 10
"""Units of a completion in a bucket of requests."""

log = logging.getLogger(__name__)


class Kind(StrEnum):
    """What a request costs is told by its kind."""

    COMPLETIONS = "completions"
    RESPONSES = "responses"
    WRITES = "writes"
    READS = "reads"


@dataclass(frozen=True, slots=True)
class Expected:
    """What a request says of its use, before anybody knows."""

    model: str
    prompt_tokens: int
    answer_tokens: int | None = None
    """For each choice; None where the request sets no limit."""
    choices: int = 1
    kind: Kind = Kind.COMPLETIONS


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a job is taken to use until it is known."""

    job_id: str
    model: str
    input_tokens: int
    output_tokens: int
    seconds: float
    """Until its deadline."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What became of a request, and the allowance by which it was judged."""

    allowance: Allowance
    ask: Ask
    verdict: Verdict


class Gate:
    """All limits of all tenants, for one process."""

    def __init__(
        self,
        admissions: Admissions,
        allowances: Allowances,
        database: Database,
        settings: Settings,
        *,
        cost: Cost | None = None,
    ) -> None:
        """`cost` is what a call is taken to cost; without it, what JAN_LIMITS_PRICES say."""
        self._admissions = admissions
        self._allowances = allowances
        self._database = database
        self._costs = settings.limits.costs
        self._cost = cost or Prices(settings.limits.prices).cost
        self._reading: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def admit(self, caller: Caller, kind: Kind, estimate: Estimate | None = None) -> Entry:
        """Take what a request needs: all or nothing.

        Raises LimitsDown while Redis is away, and ApiError where a budget cannot be read.
        """
        allowance = await self._allowances.of(caller.tenant)
        job = None if estimate is None else self._reservation(estimate)
        ask = Ask(
            caller.tenant,
            caller.key_id,
            self._costs[kind],
            allowance.requests * TENTHS,
            allowance.tokens,
            job,
            allowance.budgets_for(caller.key_id) if job is not None and allowance.budgets else (),
        )
        return await self._judged(allowance, ask)

    async def admit_turn(self, caller: Caller, job_id: str, estimate: Estimate, *, is_first: bool) -> Entry:
        """Let a turn of a job begin that was let in before. The first takes over what that job is held for,
        and is never refused; the others are refused by budgets alone. Raises as above."""
        allowance = await self._allowances.of(caller.tenant)
        reservation = replace(self._reservation(estimate), goes_on_from=job_id)
        capacity = allowance.requests * TENTHS
        budgets = () if is_first or not allowance.budgets else allowance.budgets_for(caller.key_id)
        ask = Ask(caller.tenant, caller.key_id, 0, capacity, allowance.tokens, reservation, budgets)
        return await self._judged(allowance, ask)

    async def look(self, caller: Caller) -> Entry:
        """How a tenant stands, with all budgets, or those of the key that asks. Raises as above."""
        allowance = await self._allowances.of(caller.tenant)
        budgets = allowance.budgets if caller.key_id is None else allowance.budgets_for(caller.key_id)
        capacity = allowance.requests * TENTHS
        ask = Ask(caller.tenant, None, 0, capacity, allowance.tokens, None, budgets)
        return await self._judged(allowance, ask)

    async def release(self, tenant: str, job_id: str) -> None:
        """A job that was let in was not accepted after all. Where Redis is away it is held until its end."""
        try:
            await self._admissions.release(tenant, job_id)
        except LimitsDown:
            log.warning("reservation_not_released", extra={"job_id": job_id})

    async def ping(self) -> None:
        """Raise LimitsDown when nothing can be checked."""
        await self._admissions.ping()

    def _reservation(self, estimate: Estimate) -> Reservation:
        cost = self._cost(estimate.model, estimate.input_tokens, estimate.output_tokens)
        tokens = estimate.input_tokens + estimate.output_tokens
        return Reservation(estimate.job_id, tokens, cost, estimate.seconds)

    async def _judged(self, allowance: Allowance, ask: Ask) -> Entry:
        verdict = await self._admissions.admit(ask)
        if not verdict.is_unread:
            return Entry(allowance, ask, verdict)
        async with self._reading.setdefault(ask.tenant, asyncio.Lock()):
            verdict = await self._admissions.admit(ask)  # somebody else may have read them
            for _ in range(READINGS):
                if not verdict.is_unread:
                    return Entry(allowance, ask, verdict)
                ask, readings = await self._read(ask, verdict.now)
                verdict = await self._admissions.admit(ask, readings)
        if verdict.is_unread:  # the database is away, and Redis knows nothing either
            raise DatabaseUnavailable
        return Entry(allowance, ask, verdict)

    async def _read(self, ask: Ask, now: float) -> tuple[Ask, Sequence[str]]:
        """What the ledger tells of these budgets; those that were removed meanwhile are left out."""
        try:
            async with self._database.begin() as session:
                found = await standings_of(session, [ask.tenant], datetime.fromtimestamp(now, UTC))
        except DatabaseUnavailable:
            return ask, [KNOWN] * len(ask.budgets)
        told = {field_of(one).name: reading(one) for one in found.get(ask.tenant, ())}
        budgets = [one for one in ask.budgets if one.name in told]
        readings = [told[one.name] for one in budgets]
        return replace(ask, budgets=budgets), readings


@asynccontextmanager
async def open_gate(
    database: Database, notices: Notices, settings: Settings, *, cost: Cost | None = None
) -> AsyncIterator[Gate]:
    """A gate that hears of changes until the block ends."""
    allowances = Allowances(database, settings.limits)
    async with (
        open_admissions(settings.redis, settings.limits) as admissions,
        followed(notices, allowances.heed, allowances.reload),
    ):
        yield Gate(admissions, allowances, database, settings, cost=cost)
