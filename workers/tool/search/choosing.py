"""Which engine answers: the first that can, in the operator's order, within the time of the call."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from contracts.tools.search import SearchArguments
from workers.tool.search.engine import EngineFailed, Page
from workers.tool.search.gathering import Gathered, gather
from workers.tool.search.trying import Limits, Tries

MARGIN = 0.3
"""Seconds before a call's deadline at which the last engine has failed, so that it can still be said why."""
PATIENCE = 2.0
"""Seconds that an engine is waited for on its own request while another one could be asked."""


@dataclass(frozen=True)
class Failure:
    """An engine that did not answer, and why."""

    engine: str
    outcome: str
    reason: str


@dataclass(frozen=True)
class Answered:
    """What was found, and by whom."""

    engine: str
    gathered: Gathered
    failures: Sequence[Failure]
    """Of those who were asked before."""
    not_honoured: Sequence[str]


class NobodyAnswered(Exception):
    """All engines failed."""

    def __init__(self, failures: Sequence[Failure]) -> None:
        super().__init__("; ".join(f"{one.engine}: {one.reason}" for one in failures))
        self.failures = failures


class Engines:
    """The engines that are configured, in their order."""

    def __init__(self, ways: Sequence[Tries], seconds: float, clock: Callable[[], float]) -> None:
        self._ways = ways
        self._seconds = seconds
        self._clock = clock

    @property
    def names(self) -> list[str]:
        """Theirs, in their order."""
        return [way.engine.name for way in self._ways]

    async def search(self, asked: SearchArguments, deadline: float) -> Answered:
        """Ask one after the other. Raises NobodyAnswered."""
        failures: list[Failure] = []
        for at, way in enumerate(self._ways):
            limits = self._limits(deadline, others=len(self._ways) - at - 1)
            try:
                gathered = await _gathered(way, asked, limits)
            except EngineFailed as failure:
                failures.append(Failure(way.engine.name, failure.outcome.value, failure.reason))
            else:
                return Answered(way.engine.name, gathered, failures, way.engine.not_honoured(asked))
        raise NobodyAnswered(failures)

    def _limits(self, deadline: float, others: int) -> Limits:
        """Those who may have to be asked after it get as much time as this one."""
        now = self._clock()
        left = max(deadline - MARGIN - now, 0.0) / (others + 1)
        return Limits(now + min(left, self._seconds), PATIENCE if others else float("inf"))


async def _gathered(way: Tries, asked: SearchArguments, limits: Limits) -> Gathered:
    async def read(number: int) -> Page:
        return await way.page(asked, number, limits)

    return await gather(asked, way.engine.pages(asked), read)
