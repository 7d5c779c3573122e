"""The children of one metric by their label values, made once, and never more than a bound.

Label values may come from outside (a model's name, a provider's error code). Each label keeps so many
distinct values; what comes later counts as `other`, so that nobody can fill memory with names.
"""

from typing import Generic, TypeVar

from prometheus_client import Counter, Gauge, Histogram

MAX_VALUES = 100
"""Distinct values of one label."""
MAX_LENGTH = 100
OTHER = "other"

MetricT = TypeVar("MetricT", Counter, Gauge, Histogram)


class Series(Generic[MetricT]):
    """One labelled metric."""

    def __init__(self, metric: MetricT, max_values: int = MAX_VALUES) -> None:
        self._metric: MetricT = metric
        self._max_values = max_values
        self._children: dict[tuple[str, ...], MetricT] = {}
        self._seen: dict[int, set[str]] = {}

    def of(self, *values: str) -> MetricT:
        """The child for these label values, in the metric's order of labels."""
        child = self._children.get(values)
        return self._make(values) if child is None else child

    def drop(self, *values: str) -> None:
        """Forget a child, such as a gauge of a partition that another worker has now."""
        if self._children.pop(values, None) is not None:
            self._metric.remove(*values)

    def _make(self, values: tuple[str, ...]) -> MetricT:
        bounded = tuple(self._bounded(index, value) for index, value in enumerate(values))
        child = self._children.get(bounded)
        if child is None:
            child = self._children[bounded] = self._metric.labels(*bounded)
        return child

    def _bounded(self, index: int, value: str) -> str:
        seen = self._seen.setdefault(index, set())
        if value in seen:
            return value
        if len(seen) >= self._max_values or not value or len(value) > MAX_LENGTH:
            return OTHER
        seen.add(value)
        return value
