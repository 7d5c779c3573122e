"""`python -m tests.faults`: real clients, edges and workers, while processes are killed; then a checker.

Exit codes: 0 all promises kept, 1 a promise broken, 2 wrong words on the command line.
"""

import argparse
import asyncio
import random
import shutil
import sys
from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.table import Table

from infra.embedded.server import StackError
from tests.faults.chaos import Verdict, run
from tests.faults.history import Close
from tests.faults.plan import Options

FOLDER = Path(".faults")
CACHE = Path(".jan/cache")
"""Kafka's jars, shared with the stack for development."""
LONG_JOBS, LONG_KILLS = 10_000, 60
MOST_TOLD = 12
"""Violations of each rule that are printed; all are in the file."""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    found = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    found.add_argument("--jobs", type=int, default=2_000, help="what clients ask for (2000)")
    found.add_argument("--kills", type=int, default=20, help="processes that are killed (20)")
    found.add_argument("--seed", type=int, help="of everything that is drawn; a new one unless given")
    found.add_argument("--long", action="store_true", help=f"{LONG_JOBS} jobs and {LONG_KILLS} kills")
    found.add_argument("--broker", choices=("kafka", "tansu"), default="kafka", help="tansu: the fallback")
    return found


def options_of(asked: argparse.Namespace) -> Options:
    """The run that was asked for."""
    seed = asked.seed if asked.seed is not None else random.randrange(1_000_000)  # noqa: S311  no secret
    jobs, kills = (LONG_JOBS, LONG_KILLS) if asked.long else (asked.jobs, asked.kills)
    return Options(jobs=jobs, kills=kills, seed=seed, broker=asked.broker)


def summary(verdict: Verdict) -> Table:
    """The run in figures."""
    found = verdict.evidence
    firsts = [part for part in found.parts if part.verb in {"post", "get"}]
    closes = _counted(Counter(part.close for part in firsts))
    lasts = Counter(_last(verdict, ask.number) for ask in found.asks)
    states = Counter(row.kind for row in found.rows)
    table = Table(show_header=False)
    for name, value in {
        "seed": verdict.options.seed,
        "broken": ", ".join(f"{count} x {act}" for act, count in sorted(verdict.strikes.items())),
        "asked": f"{len(found.asks)}, in {len(firsts)} exchanges: {closes}",
        "ended for clients": _counted(lasts),
        "accepted jobs": f"{len(found.job_ids)}, in the ledger {_counted(states)}",
        "ran more than once": sum(row.attempt > 1 for row in found.rows),
        "ends told again": len(found.ends) - sum(len(ends) for ends in found.ends_of.values()),
        "read again": sum(part.verb == "reread" and part.close is Close.DONE for part in found.parts),
        "memory, MB": ", ".join(f"{name} {has:.0f}" for name, (has, _) in found.memory.items()),
        "seconds": f"{verdict.seconds:.0f}",
        "violations": len(verdict.violations),
    }.items():
        table.add_row(name, str(value))
    return table


def main() -> int:
    """Run; the exit code."""
    options = options_of(parser().parse_args())
    console = Console(width=160, highlight=False)
    console.print(
        f"seed {options.seed}: {options.jobs} jobs, {options.kills} kills, {options.seconds:.0f} s of load"
    )
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    try:
        verdict = asyncio.run(run(options, FOLDER.absolute(), CACHE.absolute(), console.print))
    except StackError as error:
        console.print(f"seed {options.seed}: {error}", markup=False)
        return 1
    console.print(summary(verdict))
    told: Counter[str] = Counter()
    for violation in verdict.violations:
        told[violation.rule] += 1
        if told[violation.rule] <= MOST_TOLD:
            console.print(f"{violation.rule}: {violation.what}", markup=False)
    console.print(f"seed {options.seed}, history in {FOLDER / 'history.jsonl'}")
    return 1 if verdict.violations else 0


def _last(verdict: Verdict, number: int) -> str:
    parts = [part for part in verdict.evidence.parts_of.get(number, []) if part.verb in {"post", "get"}]
    if not parts:
        return "never made"
    last = parts[-1]
    if last.close is Close.CUT and last.job_id is None:
        return "cut before anything was seen, without a key"
    return last.close if last.code is None else f"{last.close} {last.code}"


def _counted(counter: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counter.most_common())


if __name__ == "__main__":
    sys.exit(main())
