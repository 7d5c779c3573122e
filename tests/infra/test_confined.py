"""Functions in processes of their own: what they return, and what becomes of those that take too much."""

import asyncio
import os
import time

import psutil
import pytest

from infra.confined import Confined, Confines, Died, TookTooLong
from tests.acceptance.waiting import until

MIB = 1024 * 1024


def confined(seconds: float = 5.0) -> Confined:
    return Confined(Confines(seconds, 512 * MIB), 2, __name__)


def spin() -> None:
    while True:
        pass


def swallow() -> int:
    return len(bytearray(1024 * MIB))


def wait() -> None:
    time.sleep(60)


async def test_what_a_function_returns_comes_back() -> None:
    assert await confined().run(sorted, [3, 1, 2]) == [1, 2, 3]


async def test_it_runs_elsewhere() -> None:
    assert await confined().run(os.getpid) != os.getpid()


async def test_one_that_spins_dies_by_its_seconds_of_the_processor() -> None:
    with pytest.raises(Died):
        await confined(1.0).run(spin)


async def test_one_that_wants_too_much_memory_dies() -> None:
    with pytest.raises(Died):
        await confined().run(swallow)


async def test_one_that_waits_is_killed_by_the_clock() -> None:
    with pytest.raises(TookTooLong):
        await confined(0.1).run(wait)


async def test_a_cancelled_call_leaves_no_process() -> None:
    running = confined(60.0)
    await running.run(os.getpid)
    before = children()
    waiting = asyncio.create_task(running.run(wait))
    await until(lambda: is_true(children() > before))

    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    await until(lambda: is_true(children() <= before))


def children() -> set[int]:
    return {process.pid for process in psutil.Process().children(recursive=True)}


async def is_true(value: bool) -> bool:  # noqa: FBT001  a claim
    return value
