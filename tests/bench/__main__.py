"""`python -m tests.bench`: measure the product against the upstream called directly."""

import argparse
import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from rich.console import Console

from infra.embedded.server import StackError
from tests.bench.child import START_LIMIT, ChildError, open_child
from tests.bench.product import open_product
from tests.bench.report import DIRECT, PRODUCT, print_report, write_record
from tests.bench.run import Options, Results, Sides, run_all
from tests.bench.scenarios import NAMES
from tests.bench.target import Target, TargetError, target_at

ATTACHED_UPSTREAM_PORT = 8099
EPILOG = f"""
To measure a product that runs already, start it with JAN_PROVIDER_URL=http://127.0.0.1:{ATTACHED_UPSTREAM_PORT}/v1,
where this command then starts the upstream, and give --target and --pids. The whole of a product's process
tree counts, so its root processes are enough.
"""
WIDTH = 170
FAILED = 1
INTERRUPTED = 130


def parser() -> argparse.ArgumentParser:
    """The command line."""
    found = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__, epilog=EPILOG)
    found.add_argument("--quick", action="store_true", help="one round of short samples")
    found.add_argument("--rounds", type=int, help="rounds of each scenario (3; quick: 1)")
    found.add_argument("--only", action="append", default=[], choices=NAMES, help="this scenario; repeatable")
    found.add_argument("--workers", type=int, default=1, help="completion workers of the product")
    found.add_argument("--json", type=Path, default=Path(".bench/results.json"), help="where the record goes")
    found.add_argument("--patience", type=float, default=5.0, help="seconds that a sample waits for quiet")
    found.add_argument("--check", action="store_true", help="fail on a missed goal or a wrong answer")
    found.add_argument("--target", help="address of a running product")
    found.add_argument("--token", help="a token for it, instead of a guest's")
    found.add_argument("--pids", type=_pids, default=(), help="its root processes, comma-separated")
    found.add_argument("--upstream", help="address of a running tests.bench.upstream")
    found.add_argument("--upstream-port", type=int, help="port of the upstream that is started")
    return found


def _pids(text: str) -> tuple[int, ...]:
    return tuple(int(pid) for pid in text.split(","))


async def bench(asked: argparse.Namespace, options: Options, console: Console) -> Results:
    """Start what is to be measured, measure it, and stop it."""
    async with AsyncExitStack() as stack:
        upstream, upstream_pid = await stack.enter_async_context(_upstream(asked))
        product = await stack.enter_async_context(_product(asked, upstream, console))
        return await run_all(Sides(upstream, upstream_pid, product), options, console.print)


@asynccontextmanager
async def _upstream(asked: argparse.Namespace) -> AsyncIterator[tuple[Target, int | None]]:
    if asked.upstream:
        yield target_at(DIRECT, asked.upstream), None
        return
    port = asked.upstream_port or (ATTACHED_UPSTREAM_PORT if asked.target else 0)
    async with open_child("tests.bench.upstream", "--port", str(port)) as child:
        yield target_at(DIRECT, await child.hear(START_LIMIT)), child.process.pid


@asynccontextmanager
async def _product(asked: argparse.Namespace, upstream: Target, console: Console) -> AsyncIterator[Target]:
    if asked.target:
        has_login = asked.token is None
        yield target_at(PRODUCT, asked.target, pids=asked.pids, token=asked.token, has_login=has_login)
        return
    async with open_product(upstream, workers=asked.workers, say=console.print) as product:
        yield product


async def _stoppable(work: Coroutine[Any, Any, Results]) -> Results:
    """Ctrl-C and SIGTERM end it after everything that was started is stopped."""
    task = asyncio.current_task()
    assert task is not None
    for sign in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(sign, task.cancel)
    return await work


def main() -> int:
    """Run; the exit code."""
    asked = parser().parse_args()
    console = Console(width=WIDTH, highlight=False)
    rounds = asked.rounds or (1 if asked.quick else 3)
    options = Options(rounds=rounds, is_quick=asked.quick, only=asked.only, patience=asked.patience)
    try:
        results = asyncio.run(_stoppable(bench(asked, options, console)))
    except (ChildError, StackError, TargetError) as error:
        console.print(f"[red]{error}[/]")
        return FAILED
    except asyncio.CancelledError:
        return INTERRUPTED
    verdicts = print_report(console, results)
    write_record(asked.json, results, options)
    console.print(f"Written to {asked.json}; {results.seconds:.0f} s.")
    is_good = all(verdict.is_met for verdict in verdicts) and not results.error_count
    return FAILED if asked.check and not is_good else 0


if __name__ == "__main__":
    sys.exit(main())
