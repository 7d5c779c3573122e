"""What the product has to reach on two CPUs with everything on the one machine."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.bench.summary import Comparison

Reading = Callable[[Comparison], float | None]


@dataclass(frozen=True)
class Goal:
    """A figure of a scenario that must not be above a limit."""

    what: str
    scenario: str
    limit: float
    unit: str
    read: Reading


@dataclass(frozen=True)
class Verdict:
    """A goal and what was measured."""

    goal: Goal
    value: float
    is_met: bool


def _added_p50(comparison: Comparison) -> float | None:
    return comparison.added_p50.median if comparison.added_p50 else None


def _cpu(comparison: Comparison) -> float | None:
    cpu = comparison.product.cpu
    return cpu.median if cpu and comparison.product.cpu_parts else None


def _errors(comparison: Comparison) -> float | None:
    return comparison.product.errors


def _slowness(comparison: Comparison) -> float | None:
    pace = comparison.product.pace
    return 100 * (1 - pace.median) if pace else None


GOALS = (
    Goal("Added time to first token, p50, 1 stream", "ttft-1", 5.0, "ms", _added_p50),
    Goal("Added time to first token, p50, 50 streams", "ttft-50", 15.0, "ms", _added_p50),
    Goal("200 streams of 100 tokens a second", "ttft-200", 0.0, "errors", _errors),
    Goal("The same, how far behind its upstream a stream ends", "ttft-200", 10.0, "%", _slowness),
    Goal("CPU for 1,000 requests, concurrency 16", "rps-16", 1.0, "s", _cpu),
    Goal("CPU for 1,000 requests, concurrency 128", "rps-128", 1.0, "s", _cpu),
    Goal("CPU for 100,000 paced tokens, 50 streams", "ttft-50", 12.0, "s", _cpu),
    Goal("CPU for 100,000 paced tokens, 200 streams", "ttft-200", 12.0, "s", _cpu),
)


def judge(comparisons: list[Comparison]) -> list[Verdict]:
    """Each goal whose scenario was measured."""
    by_name = {comparison.scenario.name: comparison for comparison in comparisons}
    verdicts = []
    for goal in GOALS:
        value = goal.read(by_name[goal.scenario]) if goal.scenario in by_name else None
        if value is not None:
            verdicts.append(Verdict(goal, value, is_met=value <= goal.limit))
    return verdicts
