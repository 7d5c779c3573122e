"""What follows from how a try went."""

from collections.abc import Sequence
from dataclasses import dataclass

GONE = 410
"""The receiver wants no more (Standard Webhooks)."""
JITTER = 0.1
"""The part of a wait that chance takes off: what failed together does not come back together."""


@dataclass(frozen=True)
class Outcome:
    """How a try went: a status, or why there is none."""

    seconds: float
    status: int | None = None
    error: str | None = None
    retry_after: float | None = None
    """Seconds, as the receiver asked for."""


@dataclass(frozen=True)
class Delivered:
    """The receiver has it."""


@dataclass(frozen=True)
class Again:
    """Another try comes after so many seconds."""

    seconds: float


@dataclass(frozen=True)
class GivenUp:
    """There is no other try."""

    is_gone: bool = False
    """Whether nothing more is to go to this endpoint."""


Verdict = Delivered | Again | GivenUp


def verdict_on(outcome: Outcome, step: int, delays: Sequence[float], chance: float) -> Verdict:
    """What follows from the try at this place of the schedule, the first being 0. `chance`: from 0 to 1."""
    status = outcome.status
    if status is not None and 200 <= status < 300:  # noqa: PLR2004  RFC 9110: the class of success
        return Delivered()
    if status == GONE:
        return GivenUp(is_gone=True)
    if step >= len(delays):
        return GivenUp()
    return Again(max(delays[step] * (1 - JITTER * chance), outcome.retry_after or 0.0))
