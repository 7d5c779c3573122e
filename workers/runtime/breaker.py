"""A circuit breaker: an endpoint that failed several times in a row is left alone for a while.

    closed ──failures in a row──▶ open ──pause──▶ half-open: one call tries
       ▲                           ▲                 │    │
       └───────────it answered─────┼─────────────────┘    │
                                   └──it failed: twice the pause

An endpoint that asked to be left alone (429 with Retry-After) is, without being ill.
"""

from dataclasses import dataclass
from enum import StrEnum

LONGEST_PAUSE = 60.0
"""Seconds."""


class BreakerState(StrEnum):
    """What a breaker does with calls."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True)
class BreakerRule:
    """When it opens, and for how long."""

    failures: int
    """In a row."""
    pause: float
    """Seconds, the first time."""


class Breaker:
    """The breaker of one endpoint. Moments are seconds of one clock, which only rises."""

    def __init__(self, rule: BreakerRule) -> None:
        self._rule = rule
        self._pause = rule.pause
        self._trying_until = 0.0
        self.failures = 0
        """In a row."""
        self.opened_at: float | None = None
        self.rests_until = 0.0
        """When the endpoint may be asked again: it is ill, or limits us."""

    def state(self, now: float) -> BreakerState:
        """What it does with a call now."""
        if self.opened_at is None:
            return BreakerState.CLOSED
        return BreakerState.OPEN if now < self.rests_until else BreakerState.HALF_OPEN

    def lets_through(self, now: float) -> bool:
        """Whether a call may be made now. While half-open, one at a time."""
        return now >= self.rests_until and (self.opened_at is None or now >= self._trying_until)

    def begin(self, now: float) -> None:
        """A call is made. Half-open, no other is until this one has ended, or for a pause."""
        if self.opened_at is not None:
            self._trying_until = now + self._pause

    def succeeded(self) -> None:
        """The endpoint answered, if only to refuse a bad request."""
        if self.opened_at is not None:
            self.rests_until = 0.0
        self.failures, self.opened_at, self._trying_until = 0, None, 0.0
        self._pause = self._rule.pause

    def failed(self, now: float) -> None:
        """The endpoint did not do its work."""
        self.failures += 1
        self._trying_until = 0.0
        if self.opened_at is not None:
            if now < self.rests_until:
                return  # a call from before it opened
            self._pause = min(2 * self._pause, LONGEST_PAUSE)
        elif self.failures < self._rule.failures:
            return
        self.opened_at = now if self.opened_at is None else self.opened_at
        self.rests_until = max(self.rests_until, now + self._pause)

    def limited(self, until: float) -> None:
        """The endpoint asked to be left alone until then."""
        self._trying_until = 0.0
        self.rests_until = max(self.rests_until, until)
