"""Percentiles and medians, and a median with the lowest and highest of its rounds."""

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from typing_extensions import override


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` (0 to 1) of all are not above (nearest rank).

    Raises ValueError when there are no values.
    """
    if not values:
        raise ValueError("no values")
    rank = math.ceil(share * len(values)) - 1
    return sorted(values)[max(0, rank)]


@dataclass(frozen=True)
class Spread:
    """One figure over several rounds."""

    median: float
    low: float
    high: float

    @override
    def __str__(self) -> str:
        if self.low == self.high:
            return short(self.median)
        return f"{short(self.median)} ({short(self.low)}-{short(self.high)})"


def spread(values: Iterable[float | None]) -> Spread | None:
    """The spread of what was measured; None when nothing was."""
    known = [value for value in values if value is not None]
    if not known:
        return None
    return Spread(statistics.median(known), min(known), max(known))


def short(value: float) -> str:
    """Three digits that matter, and thousands with a comma."""
    if abs(value) >= 1_000:
        return f"{value:,.0f}"
    if abs(value) >= 100:
        return f"{value:.0f}"
    if abs(value) >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}"
