"""Rounds of what is due."""

import asyncio
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from infra.database import DatabaseUnavailable
from tests.acceptance.waiting import until
from workers.runtime import rounds
from workers.runtime.rounds import Rounds, kept_up


class Work:
    """Things that are due."""

    def __init__(self, *things: Callable[[], None]) -> None:
        self.things = deque(things)
        self.due: datetime | None = None
        self.rounds = 0
        self.done = 0

    async def do_next(self) -> bool:
        if not self.things:
            self.rounds += 1
            return False
        self.things.popleft()()
        self.done += 1
        return True

    async def next_due(self) -> datetime | None:
        return self.due

    async def has_done(self, count: int) -> None:
        async def enough() -> bool:
            return self.done >= count

        await until(enough)


def nothing() -> None:
    """Go well."""


def away() -> None:
    raise DatabaseUnavailable


def odd() -> None:
    raise RuntimeError("nobody foresaw")


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "PAUSE", 0.01)


async def test_all_that_is_due_is_done_at_once() -> None:
    work = Work(*[nothing] * 5)

    async with kept_up(Rounds("failed", work.do_next, work.next_due).keep):
        await work.has_done(5)


async def test_what_comes_later_is_done_when_somebody_says_so() -> None:
    work = Work()
    walking = Rounds("failed", work.do_next, work.next_due)

    async with kept_up(walking.keep):
        await until(lambda: asyncio.sleep(0, work.rounds == 1))
        work.things.append(nothing)
        walking.wake()
        await work.has_done(1)


async def test_what_is_due_at_a_time_is_done_then() -> None:
    work = Work()
    work.due = datetime.now(UTC) + timedelta(seconds=0.2)
    walking = Rounds("failed", work.do_next, work.next_due)

    async with kept_up(walking.keep):
        await until(lambda: asyncio.sleep(0, work.rounds == 1))
        work.things.append(nothing)
        await work.has_done(1)

    assert datetime.now(UTC) >= work.due


@pytest.mark.parametrize("bad", [away, odd])
async def test_one_bad_thing_does_not_end_the_rounds(bad: Callable[[], None]) -> None:
    work = Work(bad, nothing)

    async with kept_up(Rounds("failed", work.do_next, work.next_due).keep):
        await work.has_done(1)


async def test_several_are_done_side_by_side() -> None:
    began, free = 0, asyncio.Event()

    async def do_next() -> bool:
        nonlocal began
        began += 1
        await free.wait()
        return False

    async with kept_up(Rounds("failed", do_next, Work().next_due, at_once=3).keep):
        await until(lambda: asyncio.sleep(0, began == 3))
        free.set()
