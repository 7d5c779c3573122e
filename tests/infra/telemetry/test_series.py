"""Children are made once, and names from outside fill no memory."""

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge

from infra.telemetry.series import MAX_LENGTH, OTHER, Series

FEW = 3


@pytest.fixture
def metrics() -> CollectorRegistry:
    """An empty registry."""
    return CollectorRegistry()


def counted(metrics: CollectorRegistry, model: str, way: str = "in") -> float | None:
    """What a child has counted."""
    return metrics.get_sample_value("tokens_total", {"model": model, "way": way})


@pytest.fixture
def tokens(metrics: CollectorRegistry) -> Series[Counter]:
    """A counter that keeps few values of each label."""
    return Series(Counter("tokens_total", "Tokens", ("model", "way"), registry=metrics), FEW)


def test_the_same_values_are_the_same_child(tokens: Series[Counter]) -> None:
    assert tokens.of("a", "in") is tokens.of("a", "in")
    assert tokens.of("a", "in") is not tokens.of("a", "out")


def test_values_beyond_the_bound_count_as_other(tokens: Series[Counter], metrics: CollectorRegistry) -> None:
    for number in range(1_000):
        tokens.of(f"m{number}", "in").inc()

    assert [counted(metrics, f"m{number}") for number in range(FEW + 1)] == [1, 1, 1, None]
    assert counted(metrics, OTHER) == 1_000 - FEW


def test_values_that_were_seen_in_time_go_on_counting(
    tokens: Series[Counter], metrics: CollectorRegistry
) -> None:
    for number in range(1_000):
        tokens.of(f"m{number}", "in").inc()

    tokens.of("m0", "in").inc()
    tokens.of("m0", "out").inc()

    assert counted(metrics, "m0") == 2
    assert counted(metrics, "m0", "out") == 1


@pytest.mark.parametrize("odd", ["", "x" * (MAX_LENGTH + 1)])
def test_an_odd_value_counts_as_other(tokens: Series[Counter], metrics: CollectorRegistry, odd: str) -> None:
    tokens.of(odd, "in").inc()

    assert counted(metrics, OTHER) == 1
    assert counted(metrics, odd) is None


def test_a_child_that_is_dropped_is_not_told_any_more(metrics: CollectorRegistry) -> None:
    backlog = Series(Gauge("backlog", "Records", ("partition",), registry=metrics))
    backlog.of("1").set(5)

    backlog.drop("1")
    backlog.drop("2")

    assert metrics.get_sample_value("backlog", {"partition": "1"}) is None
    backlog.of("1").set(6)
    assert metrics.get_sample_value("backlog", {"partition": "1"}) == 6
