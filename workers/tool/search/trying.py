"""Requests to one engine: again where a failure may pass, and not at all while it is known to be ill."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from contracts.tools.search import SearchArguments
from infra.telemetry.worker_metrics import WorkerMetrics
from workers.runtime.breaker import Breaker
from workers.tool.search.engine import Engine, EngineFailed, Outcome, Page

FIRST_PAUSE = 0.25
"""Seconds before the second try; twice as many before the third, and so on."""
LONGEST_PAUSE = 4.0
LONGEST_REST = 300.0
"""Seconds: an engine that asks for more is asked again after these."""
GRACE = 0.01
"""Seconds that a wait is longer than what was asked for, since clocks are coarse."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TryRule:
    """How often, and how the waiting is done."""

    retries: int
    """More tries after the first."""
    clock: Callable[[], float]
    """Seconds, which only rise: the loop's."""
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    chance: Callable[[], float] = random.random
    """Between 0 and 1: so that those who failed together do not come back together."""


@dataclass(frozen=True)
class Limits:
    """The time of one call at one engine."""

    until: float
    """Moment of the rule's clock at which it has failed."""
    patience: float
    """Seconds that it may ask to wait; with longer ones, another engine is better."""


class Tries:
    """The way to one engine."""

    def __init__(
        self, engine: Engine, breaker: Breaker, rule: TryRule, metrics: WorkerMetrics | None = None
    ) -> None:
        self.engine = engine
        self._breaker = breaker
        self._rule = rule
        self._metrics = metrics

    async def page(self, asked: SearchArguments, number: int, limits: Limits) -> Page:
        """One of its pages. Raises EngineFailed."""
        tried = 0
        while True:
            self._begin(limits)
            try:
                page = await self._once(asked, number, limits)
            except EngineFailed as failure:
                self._failed(failure)
                wait = self._wait(failure, tried, limits)
                if wait is None:
                    raise
                await self._rule.pause(wait)
                tried += 1
            else:
                self._breaker.succeeded()
                self._tell(Outcome.ANSWERED)
                return page

    def _begin(self, limits: Limits) -> None:
        now = self._rule.clock()
        if now >= limits.until:
            raise EngineFailed(Outcome.TIMEOUT, "no time was left for it")
        if not self._breaker.lets_through(now):
            self._tell(Outcome.RESTING)
            rest = max(self._breaker.rests_until - now, 0.0)
            raise EngineFailed(Outcome.RESTING, f"it failed before and is left alone for {rest:.0f} s")
        self._breaker.begin(now)

    async def _once(self, asked: SearchArguments, number: int, limits: Limits) -> Page:
        left = limits.until - self._rule.clock()
        try:
            async with asyncio.timeout(left):
                return await self.engine.page(asked, number)
        except TimeoutError:
            raise EngineFailed(Outcome.TIMEOUT, "it did not answer in time") from None

    def _failed(self, failure: EngineFailed) -> None:
        now = self._rule.clock()
        if failure.wait is not None and failure.outcome is Outcome.LIMITED:
            self._breaker.limited(now + min(failure.wait, LONGEST_REST))
        elif failure.is_ill:
            self._breaker.failed(now)
        else:
            self._breaker.succeeded()
        self._tell(failure.outcome)
        told = {"engine": self.engine.name, "outcome": failure.outcome.value, "reason": failure.reason}
        log.warning("search_engine_failed", extra=told)

    def _wait(self, failure: EngineFailed, tried: int, limits: Limits) -> float | None:
        """Seconds until the next try; None where there is none."""
        if not failure.passes or tried >= self._rule.retries:
            return None
        own = min(FIRST_PAUSE * 2**tried, LONGEST_PAUSE) * (0.5 + self._rule.chance() / 2)
        wait = own if failure.wait is None else failure.wait + GRACE
        now = self._rule.clock()
        if wait > limits.patience or now + wait >= limits.until:
            return None
        return wait if self._breaker.lets_through(now + wait) else None

    def _tell(self, outcome: Outcome) -> None:
        if self._metrics is not None:
            self._metrics.engine_asked(self.engine.name, outcome)
            self._metrics.engine_breaker(self.engine.name, self._breaker.state(self._rule.clock()))
