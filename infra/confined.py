"""Runs a function in a process of its own: small, short-lived, and killed when it takes too much.

The processes are forked from a server that has the libraries loaded, never from this one: that costs some
milliseconds, and what an input does to its process is gone with it.
"""

import asyncio
import multiprocessing
import resource
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from typing import Any, TypeVar, cast

PATIENCE = 6
"""So many times its seconds of the processor a call may wait for them: this machine may be busy."""
STARTS, START_SECONDS = 100, 5.0
"""How often, and for how long, a process that is about to start is looked for."""
FILES = 32
"""That a process may have open."""

ResultT = TypeVar("ResultT")


class Confinement(Exception):
    """The process did not bring a result."""


class TookTooLong(Confinement):
    """It was killed by the clock."""


class Died(Confinement):
    """It died: by a limit of memory or of the processor, or by what it was given."""


@dataclass(frozen=True)
class Confines:
    """What one process may take."""

    seconds: float
    """Of the processor."""
    memory: int
    """Bytes of address space."""


class Confined:
    """Runs a few functions at once; more wait."""

    def __init__(self, confines: Confines, at_once: int, preload: str) -> None:
        """`preload`: the module whose imports each process is to find done."""
        self._confines = confines
        self._places = asyncio.Semaphore(at_once)
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([preload])

    async def run(self, function: Callable[..., ResultT], *arguments: object) -> ResultT:
        """What the function returns, both of which can be pickled. Raises TookTooLong or Died. When this is
        cancelled, the process is killed."""
        async with self._places:
            pipe = self._context.Pipe(duplex=False)
            process = self._context.Process(
                target=_child, args=(pipe[1], self._confines, function, arguments), daemon=True
            )
            running = asyncio.create_task(asyncio.to_thread(self._run, process, *pipe))
            try:
                return cast("ResultT", await asyncio.shield(running))  # what the function returned
            except asyncio.CancelledError:
                await asyncio.to_thread(_kill, process)
                await asyncio.gather(running, return_exceptions=True)
                raise

    async def warm(self) -> None:
        """Start what the processes are forked from, so that the first call is not slower than others."""
        await asyncio.to_thread(forkserver.ensure_running)

    def _run(self, process: ForkServerProcess, ours: Connection, theirs: Connection) -> object:
        """In a thread: start it, and wait for what it sends."""
        try:
            process.start()
            theirs.close()
            if not ours.poll(PATIENCE * self._confines.seconds):
                raise TookTooLong
            return ours.recv()
        except EOFError as error:
            raise Died from error
        finally:
            ours.close()
            if process.pid is not None:
                process.kill()
                process.join()


def _kill(process: ForkServerProcess) -> None:
    """End a process that nobody waits for, also one that is about to start."""
    for _ in range(STARTS):
        if process.pid is not None:
            process.kill()
            return
        time.sleep(START_SECONDS / STARTS)


def _child(
    pipe: Connection, confines: Confines, function: Callable[..., Any], arguments: tuple[object, ...]
) -> None:
    """The whole life of a process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for what, most in (
        (resource.RLIMIT_AS, confines.memory),
        (resource.RLIMIT_CPU, ceil(confines.seconds)),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, FILES),
    ):
        resource.setrlimit(what, (most, most))
    pipe.send(function(*arguments))
