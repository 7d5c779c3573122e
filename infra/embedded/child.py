"""A running server: one child process in a session of its own, with its log."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from infra.embedded.home import Home
from infra.embedded.server import Server, StackError, StartFailed
from infra.settings import inherited_environment

LEASH = Path(__file__).with_name("leash.py")
NO_USER = "-"
POLL = 0.025
"""Seconds between two looks at a starting or ending child."""
LOG_BYTES = 8_192
HEAD_LINES = 4
TAIL_LINES = 12
KILL_LIMIT = 5.0
"""Seconds in which the kernel ends a process after SIGKILL; only one stuck in a device takes longer."""


@dataclass
class Child:
    """A server's process, from start to exit."""

    server: Server
    process: subprocess.Popen[bytes]
    log: Path
    log_start: int
    """Where this run's part of the log begins."""
    began: float
    """By the monotonic clock."""
    created: float
    """By psutil: with the pid it names a process, as pids are used again."""

    @property
    def pid(self) -> int:
        return self.process.pid

    def has_ended(self) -> bool:
        return self.process.poll() is not None

    def tail(self) -> str:
        """What it wrote in this run: the last lines, and the first, as a crash may print its reason first."""
        first, last = first_lines(self.log, self.log_start), last_lines(self.log, self.log_start)
        return "\n".join(last if last[:HEAD_LINES] == first else [*first, "...", *last])


def start_child(server: Server, home: Home, extra: dict[str, str] | None = None) -> Child:
    """Start it. Call this from the main thread only: the death signal follows the thread that forked."""
    log = home.log(server.name)
    environment = {**inherited_environment(), **(extra or {}), **server.environment}
    with log.open("ab") as output:
        log_start = output.tell()
        process = subprocess.Popen(  # noqa: S603 - our own command
            leashed(server),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
    created = psutil.Process(process.pid).create_time()
    return Child(server, process, log, log_start, time.monotonic(), created)


def leashed(server: Server) -> list[str]:
    """The server's command behind the leash."""
    user = server.user or NO_USER
    words = [str(os.getpid()), str(int(server.orphan_signal)), user, *server.command]
    return [sys.executable, "-I", "-S", str(LEASH), *words]


async def await_ready(child: Child) -> None:
    """Until it can be used; StartFailed when it ends before that, or the limit passes."""
    try:
        async with asyncio.timeout(child.server.start_limit):
            while not await child.server.ready():
                if child.has_ended():
                    raise StartFailed(
                        child.server.name, f"ended with {child.process.returncode}", child.tail()
                    )
                await asyncio.sleep(POLL)
    except TimeoutError:
        why = f"wasn't ready after {child.server.start_limit:.0f} s"
        raise StartFailed(child.server.name, why, child.tail()) from None


async def run_to_end(server: Server, home: Home, extra: dict[str, str] | None = None) -> None:
    """Run a program that does its work and ends; StartFailed when it fails or the limit passes."""
    child = start_child(server, home, extra)
    try:
        if not await has_ended_within(child, server.start_limit):
            raise StartFailed(server.name, f"wasn't done after {server.start_limit:.0f} s", child.tail())
    finally:
        await stop_child(child)
    if child.process.returncode != 0:
        raise StartFailed(server.name, f"ended with {child.process.returncode}", child.tail())


async def stop_child(child: Child) -> None:
    """Ask it to end, then make it; with everything in its session."""
    if not child.has_ended():
        child.process.send_signal(child.server.stop_signal)
        if await has_ended_within(child, child.server.stop_limit):
            child.server.after_stop()
    kill_group(child.pid)
    if not await has_ended_within(child, KILL_LIMIT):
        message = f"{child.server.name} (pid {child.pid}) can't be ended"
        raise StackError(message)


async def has_ended_within(child: Child, limit: float) -> bool:
    """Whether it ended before the limit passed."""
    end = time.monotonic() + limit
    while not child.has_ended():
        if time.monotonic() > end:
            return False
        await asyncio.sleep(POLL)
    return True


def kill_group(pid: int) -> None:
    """SIGKILL for what is left of a session that one of our children led."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def tail_of(log: Path, start: int = 0) -> str:
    """The last lines of a log, none from before `start`."""
    return "\n".join(last_lines(log, start))


def last_lines(log: Path, start: int) -> list[str]:
    """The last lines of a log, none from before `start`."""
    with log.open("rb") as lines:
        end = lines.seek(0, os.SEEK_END)
        lines.seek(max(start, end - LOG_BYTES))
        return lines.read().decode(errors="replace").splitlines()[-TAIL_LINES:]


def first_lines(log: Path, start: int) -> list[str]:
    """The first lines from `start` on."""
    with log.open("rb") as lines:
        lines.seek(start)
        return lines.read(LOG_BYTES).decode(errors="replace").splitlines()[:HEAD_LINES]
