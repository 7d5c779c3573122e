"""Whether a process can do its work now: named checks, asked together, the answer kept for a moment."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from contracts.errors import ApiError
from contracts.wire import health

CHECK_LIMIT = 2.0
"""Seconds for one check; a probe has about as much patience."""
FRESH = 1.0
"""Seconds that an answer is good for, so that probes are no load on what they ask about."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Check:
    """One dependency. `ask` raises when it is not well; without a `needed` one nothing works."""

    name: str
    needed: bool
    ask: Callable[[], Awaitable[None]]
    is_instant: bool = False
    """Whether it costs nothing: it is asked every time, and so tells at once."""


class Readiness:
    """Asks the checks, at most once in a moment, whoever wants to know."""

    def __init__(self, checks: Sequence[Check], now: Callable[[], float] = time.monotonic) -> None:
        self._checks = tuple(checks)
        self._now = now
        self._lock = asyncio.Lock()
        self._asked_at = float("-inf")
        self._answers: dict[str, health.Check] = {}
        self._report = health.Readiness(status="unready", checks=[])

    async def report(self) -> health.Readiness:
        """What the checks say, at most a second ago."""
        async with self._lock:
            is_due = self._now() - self._asked_at >= FRESH
            due = [check for check in self._checks if is_due or check.is_instant]
            if due or is_due:
                self._answers |= {one.name: one for one in await asyncio.gather(*map(_ask, due))}
                self._report = _report([self._answers[check.name] for check in self._checks])
            if is_due:
                self._asked_at = self._now()
            return self._report


def _report(answers: list[health.Check]) -> health.Readiness:
    ready = all(answer.ok for answer in answers if answer.needed)
    return health.Readiness(status="ready" if ready else "unready", checks=answers)


async def _ask(check: Check) -> health.Check:
    began = time.perf_counter()
    # Drivers raise what they like; gather hands it over as a value, whatever it is.
    (failure,) = await asyncio.gather(asyncio.wait_for(check.ask(), CHECK_LIMIT), return_exceptions=True)
    if failure is not None:
        _log.warning("check_failed", extra={"check": check.name, "reason": repr(failure)})
    return health.Check(
        name=check.name,
        ok=failure is None,
        needed=check.needed,
        milliseconds=round((time.perf_counter() - began) * 1000, 1),
        error=None if failure is None else _public(failure),
    )


def _public(failure: BaseException) -> str:
    """A text for strangers: no address, no password that a driver put into its message."""
    match failure:
        case ApiError():
            return failure.detail.message
        case TimeoutError():
            return f"no answer within {CHECK_LIMIT:g} s"
        case _:
            return type(failure).__name__
