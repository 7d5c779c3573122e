"""How often a record is tried, and how it dies."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from infra.bus import attempts as attempts_module
from infra.bus.attempts import AttemptLimits, Attempts, HandlerCancelled
from infra.bus.errors import BusError, BusUnavailable, Poison
from infra.bus.progress import Counts
from infra.bus.record import Record

RECORD = Record("jobs.v1", 0, 7, b"key", b"value")


class Graveyard:
    """Takes dead letters, after so many refusals."""

    def __init__(self, refusals: int = 0) -> None:
        self.refusals = refusals
        self.letters: list[tuple[Record, BaseException, int]] = []

    async def bury(self, record: Record, error: BaseException, attempts: int) -> None:
        if self.refusals:
            self.refusals -= 1
            raise BusUnavailable("away")
        self.letters.append((record, error, attempts))


def failing(times: int, error: BaseException) -> Callable[[], Awaitable[None]]:
    left = [error] * times

    async def run() -> None:
        if left:
            raise left.pop()

    return run


async def settle(graveyard: Graveyard, run: Callable[[], Awaitable[None]], max_attempts: int = 3) -> Counts:
    counts = Counts()
    limits = AttemptLimits(max_attempts=max_attempts, retry_delay=0)
    await Attempts(limits, graveyard.bury, counts).settle(lambda: RECORD, run)
    return counts


async def test_a_record_that_fails_once_runs_again() -> None:
    graveyard = Graveyard()

    counts = await settle(graveyard, failing(1, ValueError("once")))

    assert (counts.begun, counts.retries, graveyard.letters) == (2, 1, [])


async def test_a_record_that_always_fails_is_dead_after_its_attempts() -> None:
    graveyard = Graveyard()
    error = ValueError("always")

    counts = await settle(graveyard, failing(99, error))

    assert graveyard.letters == [(RECORD, error, 3)]
    assert (counts.begun, counts.dead) == (3, 1)


async def test_poison_is_dead_at_once() -> None:
    graveyard = Graveyard()
    error = Poison("no such kind")

    await settle(graveyard, failing(99, error))

    assert graveyard.letters == [(RECORD, error, 1)]


async def test_a_handler_that_cancels_itself_has_failed() -> None:
    graveyard = Graveyard()

    await settle(graveyard, failing(99, asyncio.CancelledError()), max_attempts=2)

    [(_, error, tries)] = graveyard.letters
    assert isinstance(error, HandlerCancelled)
    assert tries == 2


async def test_a_cancelled_job_is_neither_finished_nor_dead() -> None:
    graveyard = Graveyard()
    job = asyncio.create_task(settle(graveyard, asyncio.Event().wait))  # type: ignore[arg-type]  # waits for ever
    await asyncio.sleep(0)
    job.cancel()

    with pytest.raises(asyncio.CancelledError):
        await job

    assert graveyard.letters == []


async def test_a_dead_letter_is_written_when_the_broker_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts_module, "BURIAL_PAUSES", (0, 0, 0))
    graveyard = Graveyard(refusals=2)

    counts = await settle(graveyard, failing(99, Poison()))

    assert (len(graveyard.letters), counts.dead) == (1, 1)


async def test_a_dead_letter_that_cannot_be_written_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts_module, "BURIAL_PAUSES", (0, 0))

    with pytest.raises(BusError, match=r"jobs\.v1-0@7"):
        await settle(Graveyard(refusals=99), failing(99, Poison()))
