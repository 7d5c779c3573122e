"""What is made of samples: rounds, noise, what a product adds, and the goals."""

import io

from rich.console import Console

from tests.bench import tables
from tests.bench.goals import judge
from tests.bench.memory import Memory
from tests.bench.plan import Outcome
from tests.bench.sample import Sample
from tests.bench.summary import Comparison, compare


def sample(target: str, number: int, *, ttft_ms: float, strangers: float = 0.0, errors: int = 0) -> Sample:
    outcome = Outcome(
        requests=10,
        tokens=1_000,
        seconds=2.0,
        cpu_seconds=0.01,
        errors={"missing_done": errors} if errors else {},
        ttft_ms=[ttft_ms, ttft_ms, ttft_ms + 5],
        total_ms=[990.0, 990.0, 1_000.0],
        transit_p50_ms=0.1,
        transit_p99_ms=0.2,
    )
    return Sample(
        scenario="ttft-50",
        target=target,
        round=number,
        outcome=outcome,
        cpu={} if target == "direct" else {"edge": 0.06, "kafka": 0.02},
        upstream_cpu=0.02,
        seconds=2.0,
        calibration_ms=20.0,
        strangers=strangers,
        stolen=0.0,
    )


def compared(*samples: Sample) -> Comparison:
    (only,) = compare(list(samples), "direct", "product")
    return only


def test_what_is_added_is_the_median_over_rounds() -> None:
    comparison = compared(
        *(sample("direct", number, ttft_ms=1.0) for number in range(3)),
        *(sample("product", number, ttft_ms=value) for number, value in enumerate([4.0, 6.0, 5.0])),
    )

    assert comparison.added_p50 is not None
    assert (comparison.added_p50.median, comparison.added_p50.low, comparison.added_p50.high) == (4, 3, 5)
    assert comparison.added_p99 == 5.0


def test_a_noisy_round_counts_only_when_there_is_no_other() -> None:
    direct = sample("direct", 0, ttft_ms=1.0), sample("direct", 1, ttft_ms=1.0)
    clean = sample("product", 0, ttft_ms=3.0)
    noisy = sample("product", 1, ttft_ms=50.0, strangers=0.9)

    mixed = compared(*direct, clean, noisy)
    hopeless = compared(direct[0], noisy)

    assert mixed.product.noisy == 1
    assert mixed.added_p50 is not None
    assert mixed.added_p50.high == 2.0
    assert hopeless.added_p50 is not None
    assert hopeless.added_p50.median == 49.0


def test_cpu_is_counted_for_all_processes_and_for_each() -> None:
    comparison = compared(sample("direct", 0, ttft_ms=1.0), sample("product", 0, ttft_ms=2.0))

    assert comparison.product.cpu is not None
    assert round(comparison.product.cpu.median, 6) == 8.0
    assert comparison.product.cpu_parts == {"edge": 6.0, "kafka": 2.0}


def test_goals_are_judged_for_what_was_measured() -> None:
    comparison = compared(sample("direct", 0, ttft_ms=1.0), sample("product", 0, ttft_ms=17.0))

    verdicts = {verdict.goal.what: verdict.is_met for verdict in judge([comparison])}

    assert verdicts == {
        "Added time to first token, p50, 50 streams": False,
        "CPU for 100,000 paced tokens, 50 streams": True,
    }


def test_errors_of_every_round_are_counted() -> None:
    comparison = compared(sample("direct", 0, ttft_ms=1.0), sample("product", 0, ttft_ms=2.0, errors=3))

    assert comparison.product.errors == 3


def test_every_table_can_be_printed() -> None:
    comparison = compared(sample("direct", 0, ttft_ms=1.0), sample("product", 0, ttft_ms=2.0))
    memory = Memory(
        streams=500,
        before={"edge": 1 << 20},
        held={"edge": 11 << 20},
        after={"edge": 2 << 20},
        end_seconds=0.5,
    )
    console = Console(file=io.StringIO(), width=200)

    for table in (tables.latency_table, tables.speed_table, tables.cpu_table, tables.floor_table):
        console.print(table([comparison]))
    console.print(tables.memory_table(memory))
    console.print(tables.goal_table(judge([comparison])))

    assert memory.kib_per_stream() == 20.48
