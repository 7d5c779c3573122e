"""A part that crashes is started again, and given up when that is no use."""

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import suppress

import pytest

from infra.embedded.keeper import MOST_CRASHES, Keeper
from infra.embedded.place import Place
from infra.embedded.server import StartFailed
from infra.embedded.state import PartState, Phase, StateFile
from tests.infra.embedded.programs import is_alive, part

LIMIT = 20.0
CRASHES_LATER = "import pathlib, time; pathlib.Path(r'{flag}').touch(); time.sleep(0.3); print('bad memory')"


@pytest.fixture
def pen(stand: Place) -> StateFile:
    return StateFile(stand.home.state)


async def until(pen: StateFile, reached: Callable[[PartState], bool]) -> PartState:
    """The state of the part as soon as it is so."""
    async with asyncio.timeout(LIMIT):
        while not ((found := pen.state.parts.get("part")) and reached(found)):
            await asyncio.sleep(0.02)
    return found


async def end(keeping: asyncio.Task[None]) -> None:
    keeping.cancel()
    with suppress(asyncio.CancelledError):
        await keeping


async def test_a_killed_child_is_started_again(stand: Place, pen: StateFile) -> None:
    keeping = asyncio.create_task(Keeper(part("part"), stand, pen, first_delay=0.01).run())
    first = (await until(pen, lambda state: state.phase is Phase.READY)).identity
    assert first is not None

    os.kill(first.pid, signal.SIGKILL)
    again = await until(pen, lambda state: state.phase is Phase.READY and state.restarts == 1)

    assert again.identity is not None
    assert again.identity != first
    await end(keeping)
    assert not is_alive(again.identity.pid)


async def test_a_child_that_crashes_over_and_over_is_given_up(stand: Place, pen: StateFile) -> None:
    keeper = Keeper(part("part", CRASHES_LATER), stand, pen, first_delay=0.001)
    keeping = asyncio.create_task(keeper.run())

    failed = await until(pen, lambda state: state.phase is Phase.FAILED)

    assert failed.restarts == MOST_CRASHES
    assert "bad memory" in failed.error
    await end(keeping)


async def test_a_part_that_does_not_start_at_first_is_not_tried_again(stand: Place, pen: StateFile) -> None:
    with pytest.raises(StartFailed, match="no license"):
        await Keeper(part("part", "print('no license')"), stand, pen).run()

    assert pen.state.parts["part"].restarts == 0
