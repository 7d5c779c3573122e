"""What a run leaves: the tables on the terminal and everything in a JSON file."""

import json
import subprocess
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from tests.bench import tables
from tests.bench.goals import Verdict, judge
from tests.bench.machine import description
from tests.bench.run import Options, Results
from tests.bench.summary import Comparison, compare

FORMAT = 1
DIRECT, PRODUCT = "direct", "product"
GIT_LIMIT = 10.0


def print_report(console: Console, results: Results) -> list[Verdict]:
    """Print the tables; the verdicts on the goals."""
    comparisons = compare(results.samples, DIRECT, PRODUCT)
    verdicts = judge(comparisons)
    for table in (tables.latency_table, tables.speed_table, tables.cpu_table, tables.floor_table):
        if (made := table(comparisons)).row_count:
            console.print(made)
    if results.memory is not None:
        console.print(tables.memory_table(results.memory))
        seconds = results.memory.end_seconds
        console.print(f"After their clients had left, the upstream was still asked for {seconds:.1f} s.")
    if verdicts:
        console.print(tables.goal_table(verdicts))
    return verdicts


def write_record(path: Path, results: Results, options: Options) -> None:
    """Write everything that was measured, and what was made of it."""
    comparisons = compare(results.samples, DIRECT, PRODUCT)
    record = {
        "format": FORMAT,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "machine": description(),
        "options": asdict(options),
        "seconds": results.seconds,
        "goals": [_goal(verdict) for verdict in judge(comparisons)],
        "scenarios": [_scenario(comparison) for comparison in comparisons],
        "memory": results.memory and results.memory.model_dump(),
        "samples": [sample.model_dump() for sample in results.samples],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=1))


def _goal(verdict: Verdict) -> dict[str, Any]:
    goal = verdict.goal
    figures = {"at_most": goal.limit, "unit": goal.unit, "measured": verdict.value, "is_met": verdict.is_met}
    return {"what": goal.what, "scenario": goal.scenario, **figures}


def _scenario(comparison: Comparison) -> dict[str, Any]:
    return {"unit": comparison.scenario.unit[0], **asdict(comparison)}


def _commit() -> str | None:
    command = ["git", "describe", "--always", "--dirty"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=GIT_LIMIT, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip()
