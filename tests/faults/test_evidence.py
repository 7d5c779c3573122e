"""What a run leaves behind is told from what its session of tests has of its own."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from tests.acceptance.waiting import until
from tests.faults.evidence import processes, processes_left

SLEEPER = [sys.executable, "-c", "input()"]
"""Ends with its standard input."""
PARENT = [
    sys.executable,
    "-c",
    f"import subprocess; input(); subprocess.Popen({SLEEPER!r}, stdin=subprocess.PIPE).wait(60)",
]
"""Starts a sleeper when a line comes."""
LIMIT = 10.0


@contextmanager
def running(line: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """A process, until the block ends; then it and all below it are gone."""
    process = subprocess.Popen(line, stdin=subprocess.PIPE)
    try:
        yield process
    finally:
        for child in [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]:
            child.kill()
        process.communicate(timeout=LIMIT)


def has_more_than(before: set[psutil.Process]) -> bool:
    return bool(processes() - before)


def test_a_process_that_was_started_meanwhile_is_left() -> None:
    before = processes()

    with running(SLEEPER):
        assert processes_left(before) == [" ".join(SLEEPER)]

    assert processes_left(before) == []


async def test_what_an_older_process_starts_is_its_own() -> None:
    with running(PARENT) as parent:
        before = processes()
        assert parent.stdin is not None
        parent.stdin.write(b"\n")
        parent.stdin.flush()
        await until(lambda: asyncio.to_thread(has_more_than, before))

        assert processes_left(before) == []
