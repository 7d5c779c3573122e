"""Calls the provider again when it failed in a way that may pass and nothing of its answer was shown."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from infra.settings import ProviderSettings
from workers.completion.core import MayPass, RetryRule, next_try
from workers.runtime.attempt import TryLater

T = TypeVar("T")


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
        once: Callable[[], Awaitable[T]],
        *,
        deadline: float,
        is_unseen: Callable[[], bool],
        on_failure: Callable[[MayPass], None],
    ) -> T:
        """What a try came to. `on_failure` is told of each failed try that another follows.

        Raises TryLater when the tries are used up, or their time is; and at once every other failure, and one
        of an answer that was partly shown. A cancellation ends a wait at once.
        """
        began = self._clock.time()
        failed = 0
        while True:
            try:
                return await once()
            except MayPass as error:
                if not is_unseen():
                    raise
                failed += 1
                wait = self._wait(error, failed, began, deadline)
                if wait is None:
                    raise TryLater(error.detail, error.after) from error
                on_failure(error)
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


def open_tries(settings: ProviderSettings) -> Tries:
    """Tries as the settings say, on the loop's clock."""
    return Tries(RetryRule(settings.retries, settings.retry_base, settings.retry_limit), LoopClock())
