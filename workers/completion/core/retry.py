"""Whether a failed call to the provider is tried again, and when: exponential backoff with full jitter.

Full jitter, a random part of the whole step, spreads best what failed together
(aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter).
"""

from dataclasses import dataclass

MAX_DOUBLINGS = 16
"""Of the first step; no budget is that long."""


@dataclass(frozen=True)
class RetryRule:
    """How often and how long."""

    retries: int
    """Tries after the first."""
    base: float
    """Seconds of the first step, at most; each further one is twice as long."""
    limit: float
    """Seconds from the first try in which the last one has to begin."""


def next_try(
    rule: RetryRule, failed: int, *, elapsed: float, left: float, after: float | None, chance: float
) -> float | None:
    """Seconds to wait before another try, None to give up.

    `failed` tries ended, `elapsed` seconds after the first began; the deadline is `left` seconds away. The
    provider asked to wait for `after`. `chance` is from 0 to 1.
    """
    if failed > rule.retries:
        return None
    step = rule.base * 2 ** min(failed - 1, MAX_DOUBLINGS)
    wait = max(after or 0.0, chance * step)
    return wait if wait <= rule.limit - elapsed and wait < left else None
