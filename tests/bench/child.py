"""The bench's own child processes: the upstream, and one load generator for each sample."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tests.bench.plan import Outcome, Plan

START_LIMIT = 20.0
END_LIMIT = 5.0
MAX_LINE = 16 * 1024 * 1024
"""Bytes of one line; an outcome holds some ten thousand latencies."""


class ChildError(Exception):
    """A child process ended without its answer."""


@dataclass(frozen=True)
class Child:
    """A running child that is spoken to in lines."""

    process: asyncio.subprocess.Process

    async def say(self, line: str) -> None:
        """Write a line."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n".encode())
        await self.process.stdin.drain()

    async def hear(self, limit: float) -> str:
        """Read a line. Raises ChildError when there is none, TimeoutError after `limit` seconds."""
        assert self.process.stdout is not None
        async with asyncio.timeout(limit):
            line = await self.process.stdout.readline()
        if not line:
            raise ChildError("A process of the bench ended early; what it said stands above")
        return line.decode().strip()


@asynccontextmanager
async def open_child(module: str, *arguments: str) -> AsyncIterator[Child]:
    """Run a module of the bench. It also ends by itself when this process dies: its standard input ends."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=MAX_LINE,
        start_new_session=True,  # Ctrl-C is for the driver, who ends them
    )
    try:
        yield Child(process)
    finally:
        await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
    try:
        async with asyncio.timeout(END_LIMIT):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


@dataclass(frozen=True)
class LoadGenerator:
    """A load generator that has connected and is warm."""

    child: Child
    plan: Plan

    async def run(self) -> Outcome:
        """Make the load."""
        await self.child.say("go")
        return Outcome.model_validate_json(await self.child.hear(self.plan.seconds + 2 * self.plan.limit))

    async def hold(self) -> None:
        """Open the streams of a held plan."""
        await self.child.say("go")
        await self.child.hear(2 * self.plan.limit)

    async def release(self) -> Outcome:
        """Close them. An error is a stream that ended before."""
        await self.child.say("close")
        return Outcome.model_validate_json(await self.child.hear(self.plan.limit))


@asynccontextmanager
async def open_load(plan: Plan) -> AsyncIterator[LoadGenerator]:
    """Start a load generator, up to the moment before its load."""
    async with open_child("tests.bench.load") as child:
        await child.say(plan.model_dump_json())
        await child.hear(START_LIMIT + plan.limit)
        yield LoadGenerator(child, plan)
