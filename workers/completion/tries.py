"""Asks whoever may answer, one after the other, and again when what they failed with may pass.

A round asks each candidate at most once: the endpoints of the first provider, then those of the next one of
the same model. After a round in which somebody failed in a way that may pass, another one follows, later.
All of that only while nothing of an answer was shown.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

from contracts.errors import ApiError
from infra.settings import ProviderSettings
from workers.completion.core import Candidate, MayPass, NotAsked, RetryRule, goes_elsewhere, next_try
from workers.runtime.attempt import TryLater

T = TypeVar("T")
MOST_ASKED = 8
"""Candidates of one round: the cheapest of them; a request must not visit the whole world."""


class Clock(Protocol):
    """The event loop's clock, which deadlines are moments of."""

    def time(self) -> float:
        """Now, in seconds."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""


class LoopClock:
    """The clock of the running loop."""

    def time(self) -> float:
        """See `Clock`."""
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        """See `Clock`."""
        await asyncio.sleep(seconds)


class Tries:
    """How the calls of a room are tried."""

    def __init__(self, rule: RetryRule, clock: Clock, *, chance: Callable[[], float] = random.random) -> None:
        self._rule = rule
        self._clock = clock
        self._chance = chance

    async def call(
        self,
        candidates: Callable[[], Sequence[Candidate]],
        once: Callable[[Candidate], Awaitable[T]],
        *,
        deadline: float,
        is_unseen: Callable[[], bool],
        on_failure: Callable[[Candidate, ApiError], None],
    ) -> T:
        """What a try came to. `candidates` says at the beginning of each round whom to ask, in which order;
        `on_failure` is told of each failed try that another follows.

        Raises TryLater when the rounds are used up, or their time is; and at once a failure that nobody else
        can mend, and one of an answer that was partly shown. A cancellation ends a wait at once.
        """
        began = self._clock.time()
        failed = 0
        while True:
            asked = Round(list(candidates())[:MOST_ASKED])
            for candidate in asked:
                try:
                    return await _asked(candidate, once)
                except ApiError as error:
                    if not is_unseen() or not goes_elsewhere(error):
                        raise
                    asked.failed(candidate, error)
                    if not asked.is_last and self._clock.time() < deadline:
                        on_failure(candidate, error)
                    else:
                        break
            who, told = asked.telling()
            failed += 1
            wait = self._wait(told, failed, began, deadline)
            if wait is None:
                raise TryLater(told.detail, told.after) from told
            on_failure(who, told)
            await self._clock.sleep(wait)

    def _wait(self, error: MayPass, failed: int, began: float, deadline: float) -> float | None:
        now = self._clock.time()
        return next_try(
            self._rule,
            failed,
            elapsed=now - began,
            left=deadline - now,
            after=error.after,
            chance=self._chance(),
        )


class Round:
    """Who is asked in a round, and what came of it."""

    def __init__(self, candidates: list[Candidate]) -> None:
        self._left = candidates
        self._failures: list[tuple[Candidate, ApiError]] = []

    def __iter__(self) -> "Round":
        return self

    def __next__(self) -> Candidate:
        if not self._left:
            raise StopIteration
        return self._left.pop(0)

    @property
    def is_last(self) -> bool:
        """Whether nobody is left to be asked."""
        return not self._left

    def failed(self, candidate: Candidate, error: ApiError) -> None:
        """A candidate did not answer."""
        self._failures.append((candidate, error))

    def telling(self) -> tuple[Candidate, MayPass]:
        """The failure that another round may mend: of several, the one that passes soonest.

        Raises ApiError, the last failure, where none may pass.
        """
        passing = [(who, error) for who, error in self._failures if isinstance(error, MayPass)]
        if not passing:
            raise self._failures[-1][1]
        return min(passing, key=lambda one: one[1].after or 0.0)


async def _asked(candidate: Candidate, once: Callable[[Candidate], Awaitable[T]]) -> T:
    """One try, of whose end the candidate learns."""
    candidate.begin()
    try:
        answer = await once(candidate)
    except NotAsked:
        await candidate.abandon()
        raise
    except ApiError as error:
        await candidate.end(error)
        raise
    except BaseException:
        await candidate.abandon()
        raise
    await candidate.end(None)
    return answer


def open_tries(settings: ProviderSettings) -> Tries:
    """Tries as the settings say, on the loop's clock."""
    return Tries(RetryRule(settings.retries, settings.retry_base, settings.retry_limit), LoopClock())
