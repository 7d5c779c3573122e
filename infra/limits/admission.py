"""One tenant's buckets, budgets and reservations: let in all at once or not at all, settled once.

A job is let in with an estimate of its tokens, which is held until it ends. When the ledger has written what
it really used, the difference is charged, and the budgets are told what the ledger says is spent.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from infra.limits.errors import LimitsDown
from infra.limits.scripts import ADMIT, SETTLE
from infra.relay.line import Script, open_line
from infra.relay.redis import RelayDown
from infra.settings import LimitSettings, RedisSettings
from infra.store.budgets import Standing

KEEP_SECONDS = 7_200
"""Longer than any job is held."""
FRESH_SECONDS = 300.0
"""A budget's spent amount is read from the ledger again after so long, whatever was lost on the way here."""
SLACK_SECONDS = 900.0
"""What the ledger has, after a job's deadline, to tell of its end before the job is held no longer."""
AWAY_SECONDS = 0.5
"""After a failure Redis is not asked for so long: while it is away, nobody waits for it."""
AT_ONCE = 500
"""Jobs of one settlement: scripts must stay short."""
KNOWN = "known"
"""In the place of a reading: the one that Redis has is good enough."""
ADMIT_SCRIPT, SETTLE_SCRIPT = Script(ADMIT), Script(SETTLE)


@dataclass(frozen=True, slots=True)
class BudgetField:
    """A budget as the script knows it."""

    key_id: str | None
    unit: str
    period: str
    amount: int

    @property
    def name(self) -> str:
        """Where its reading lies."""
        return f"b|{self.key_id or '*'}|{self.unit}|{self.period}"

    @property
    def held(self) -> str:
        """Where the sum lies of what is held for running jobs."""
        return f"h|{self.key_id or '*'}|{self.unit}"


@dataclass(frozen=True, slots=True)
class Reservation:
    """What a job is held for."""

    job_id: str
    tokens: int
    micro_usd: int
    seconds: float
    """Until its deadline."""
    goes_on_from: str | None = None
    """A job whose place it takes: what that one is held for is held for this one, if it is more, and its
    tokens a minute are charged when they are known."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One request of a tenant."""

    tenant: str
    key_id: str | None
    cost: int
    """Tenths of a completion."""
    capacity: int
    """Tenths of a completion a minute."""
    tokens: int
    """Tokens a minute."""
    job: Reservation | None = None
    """None takes no tokens, and no budget refuses it."""
    budgets: Sequence[BudgetField] = ()


@dataclass(frozen=True, slots=True)
class Level:
    """A bucket."""

    left: int
    """Whole units."""
    full_in: float
    """Seconds."""


@dataclass(frozen=True, slots=True)
class BudgetLevel:
    """A budget: what is spent, what running jobs are held for, and when counting begins again."""

    spent: int
    held: int
    ends_at: float | None
    """Unix seconds."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a request."""

    code: int
    now: float
    """Unix seconds by Redis' clock."""
    requests: Level
    tokens: Level
    fits_in: float
    """Seconds until a bucket that refused has room; 0 where none did."""
    budgets: tuple[BudgetLevel, ...]

    @property
    def is_allowed(self) -> bool:
        """Whether everything was taken; else nothing was."""
        return self.code == 0

    @property
    def is_unread(self) -> bool:
        """Whether a budget must be read from the ledger first."""
        return self.code < 0

    @property
    def used_up(self) -> int | None:
        """Which budget refused."""
        return self.code - 3 if self.code >= 3 else None  # noqa: PLR2004  as the script has it


class Calls(Protocol):
    """Calls scripts."""

    async def call(self, script: Script, keys: Sequence[str], args: Sequence[str | int | bytes]) -> object:
        """What it answers. Raises RelayDown."""


class Admissions:
    """Asks Redis, in one round trip each. Everything raises LimitsDown when it is away or slow."""

    def __init__(self, line: Calls, timeout: float) -> None:
        self._line = line
        self._timeout = timeout
        self._away_until = 0.0

    async def admit(self, ask: Ask, readings: Sequence[str] = ()) -> Verdict:
        """Take what a request needs, if all of it is there. `readings`: one for each budget, as `reading` or
        `KNOWN`."""
        job = ask.job
        need = {"tokens": -1, "micro_usd": -1}
        if job is not None:
            need = {"tokens": job.tokens, "micro_usd": job.micro_usd}
        args: list[str | int | bytes] = [
            KEEP_SECONDS,
            ask.cost,
            ask.capacity,
            job.tokens if job else 0,
            ask.tokens,
            job.job_id if job else "",
            ask.key_id or "",
            job.micro_usd if job else 0,
            int(min(job.seconds + SLACK_SECONDS, KEEP_SECONDS) * 1000) if job else 0,
            int(FRESH_SECONDS * 1000),
            (job.goes_on_from or "") if job else "",
        ]
        for at, budget in enumerate(ask.budgets):
            told = readings[at] if readings else ""
            args += [budget.name, budget.held, need[budget.unit], budget.amount, told]
        answer = await self._call(ADMIT_SCRIPT, ask.tenant, args)
        assert isinstance(answer, bytes)  # noqa: S101  as the script has it
        return _verdict([int(number) for number in answer.split()])

    async def settle(self, tenant: str, used: Mapping[str, int], standings: Sequence[Standing] = ()) -> int:
        """Charge what jobs really used, and hold them no longer; how many had been held. A job that is not
        held, or not any more, changes nothing."""
        told = [text for one in standings for text in (field_of(one).name, reading(one))]
        settled, jobs = 0, list(used.items())
        for at in range(0, max(1, len(jobs)), AT_ONCE):
            numbers = [part for job in jobs[at : at + AT_ONCE] for part in job]
            args = [KEEP_SECONDS, len(standings), *told, *numbers]
            answer = await self._call(SETTLE_SCRIPT, tenant, args)
            assert isinstance(answer, int)  # noqa: S101  as the script has it
            settled += answer
        return settled

    async def release(self, tenant: str, job_id: str) -> None:
        """A job that was not accepted used nothing."""
        await self.settle(tenant, {job_id: 0})

    async def ping(self) -> None:
        """Raise LimitsDown when limits cannot be checked."""
        await self.settle("probe", {})

    async def _call(self, script: Script, tenant: str, args: Sequence[str | int | bytes]) -> object:
        """What the script answers; tried twice at once, since a connection that rested may be lost."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        if began < self._away_until:
            raise LimitsDown
        keys = (f"limits:{{{tenant}}}", f"limits:{{{tenant}}}:jobs", f"limits:{{{tenant}}}:due")
        try:
            try:
                return await self._line.call(script, keys, args)
            except RelayDown:
                if loop.time() - began > self._timeout / 2:
                    raise
                return await self._line.call(script, keys, args)
        except RelayDown as error:
            self._away_until = loop.time() + AWAY_SECONDS
            raise LimitsDown from error


@asynccontextmanager
async def open_admissions(redis: RedisSettings, settings: LimitSettings) -> AsyncIterator[Admissions]:
    """Admissions on a connection of their own, which is made at the first call."""
    quick = redis.model_copy(update={"timeout": settings.timeout})
    async with open_line(quick, (ADMIT_SCRIPT, SETTLE_SCRIPT)) as line:
        yield Admissions(line, settings.timeout)


def field_of(standing: Standing) -> BudgetField:
    """The budget that stands so."""
    return BudgetField(standing.key_id, standing.unit.value, standing.period.value, standing.amount)


def reading(standing: Standing) -> str:
    """What the ledger tells of a budget, as the scripts read it."""
    end = 0 if standing.ends_at is None else int(standing.ends_at.timestamp() * 1000)
    return f"{end} {standing.spent} {standing.changes}"


def _verdict(answer: Sequence[int]) -> Verdict:
    code, now, left, full, tokens_left, tokens_full, wait, *rest = answer
    budgets = tuple(
        BudgetLevel(rest[at], rest[at + 1], rest[at + 2] / 1000 if rest[at + 2] else None)
        for at in range(0, len(rest), 3)
    )
    levels = Level(left, full / 1000), Level(tokens_left, tokens_full / 1000)
    return Verdict(code, now / 1000, *levels, wait / 1000, budgets)
