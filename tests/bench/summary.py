"""What the samples say: each figure over its rounds, and what the product adds to the upstream."""

import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tests.bench.figures import Spread, percentile, spread
from tests.bench.sample import Sample
from tests.bench.scenarios import TIMED, Scenario

Figure = Callable[[Sample], float | None]


@dataclass(frozen=True)
class Row:
    """One scenario on one target, over its rounds; latencies in milliseconds."""

    scenario: Scenario
    target: str
    rounds: int
    noisy: int
    """Rounds that others disturbed; they count only when there is no other."""
    errors: int
    answers: int
    latency_p50: Spread | None
    """To the first token; to the whole answer when it is not a stream."""
    latency_p99: float | None
    """Over all rounds together."""
    transit_p50: Spread | None
    transit_p99: Spread | None
    pace: Spread | None
    """How fast a stream ran against its upstream's pace: 1 when nothing held it back."""
    requests_per_second: Spread | None
    tokens_per_second: Spread | None
    cpu: Spread | None
    """CPU seconds of the whole target for the scenario's unit."""
    cpu_parts: dict[str, float]
    """Their median by part."""
    upstream_cpu: Spread | None
    load_cpu: Spread | None


@dataclass(frozen=True)
class Comparison:
    """A scenario on both sides."""

    scenario: Scenario
    direct: Row
    product: Row
    added_p50: Spread | None
    """Latency that the product adds, round by round."""
    added_p99: float | None


def compare(samples: list[Sample], direct: str, product: str) -> list[Comparison]:
    """One comparison for each scenario that was measured on both sides."""
    usual = statistics.median(sample.calibration_ms for sample in samples) if samples else 0.0
    by_side: dict[tuple[str, str], list[Sample]] = defaultdict(list)
    for sample in samples:
        by_side[sample.scenario, sample.target].append(sample)
    found = []
    for scenario in TIMED:
        sides = by_side[scenario.name, direct], by_side[scenario.name, product]
        if all(sides):
            found.append(_comparison(scenario, *sides, usual))
    return found


def _comparison(scenario: Scenario, direct: list[Sample], product: list[Sample], usual: float) -> Comparison:
    rows = _row(scenario, direct, usual), _row(scenario, product, usual)
    return Comparison(scenario, *rows, _added(direct, product, usual), _difference(*rows))


def _row(scenario: Scenario, samples: list[Sample], usual: float) -> Row:
    clean = _clean(samples, usual)
    everything = [value for sample in clean for value in _latencies(sample)]
    return Row(
        scenario=scenario,
        target=samples[0].target,
        rounds=len(samples),
        noisy=sum(sample.is_noisy(usual) for sample in samples),
        errors=sum(sample.outcome.error_count for sample in samples),
        answers=sum(sample.outcome.requests for sample in samples),
        latency_p50=spread(map(_latency_p50, clean)),
        latency_p99=percentile(everything, 0.99) if everything else None,
        transit_p50=spread(sample.outcome.transit_p50_ms for sample in clean),
        transit_p99=spread(sample.outcome.transit_p99_ms for sample in clean),
        pace=spread(_pace(scenario, sample) for sample in clean),
        requests_per_second=spread(sample.outcome.requests / sample.outcome.seconds for sample in clean),
        tokens_per_second=spread(sample.outcome.tokens / sample.outcome.seconds for sample in clean),
        cpu=_cost(scenario, clean, lambda sample: sample.product_cpu),
        cpu_parts=_parts(scenario, clean),
        upstream_cpu=_cost(scenario, clean, lambda sample: sample.upstream_cpu),
        load_cpu=_cost(scenario, clean, lambda sample: sample.outcome.cpu_seconds),
    )


def _clean(samples: list[Sample], usual: float) -> list[Sample]:
    return [sample for sample in samples if not sample.is_noisy(usual)] or samples


def _latencies(sample: Sample) -> list[float]:
    return sample.outcome.ttft_ms or sample.outcome.total_ms


def _latency_p50(sample: Sample) -> float | None:
    values = _latencies(sample)
    return statistics.median(values) if values else None


def _added(direct: list[Sample], product: list[Sample], usual: float) -> Spread | None:
    """By rounds, as the two sides of a round ran one after the other."""
    pairs = list(zip(direct, product, strict=True))
    clean = [pair for pair in pairs if not any(sample.is_noisy(usual) for sample in pair)]
    medians = [(_latency_p50(one), _latency_p50(other)) for one, other in clean or pairs]
    return spread(b - a for a, b in medians if a is not None and b is not None)


def _difference(direct: Row, product: Row) -> float | None:
    if direct.latency_p99 is None or product.latency_p99 is None:
        return None
    return product.latency_p99 - direct.latency_p99


def _pace(scenario: Scenario, sample: Sample) -> float | None:
    if scenario.kind != "paced" or not sample.outcome.total_ms:
        return None
    ideal = (scenario.tokens - 1) * scenario.gap_us / 1_000
    return ideal / statistics.median(sample.outcome.total_ms)


def _units(scenario: Scenario, sample: Sample) -> float:
    done = sample.outcome.requests if scenario.kind == "requests" else sample.outcome.tokens
    return done / scenario.unit[1]


def _cost(scenario: Scenario, samples: Iterable[Sample], spent: Figure) -> Spread | None:
    return spread(
        value / units
        for sample in samples
        if (units := _units(scenario, sample)) and (value := spent(sample)) is not None
    )


def _parts(scenario: Scenario, samples: list[Sample]) -> dict[str, float]:
    parts = sorted({part for sample in samples for part in sample.cpu})
    costs = {part: _cost(scenario, samples, lambda sample, p=part: sample.cpu.get(p, 0.0)) for part in parts}  # type: ignore[misc]
    return {part: cost.median for part, cost in costs.items() if cost is not None}
