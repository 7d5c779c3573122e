"""The broker's disk is full: it takes nothing more, says so, and goes on when there is room."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.acceptance.waiting import LIMIT, until
from tests.faults.crowd import NAMES, Crowd, Outcome
from tests.faults.own_stack import OwnStack
from tests.faults.single import ask, is_served

pytestmark = pytest.mark.asyncio(loop_scope="module")
SPOKEN = 8
PIECE = 64 * 1024
RECOVERY = 15.0


async def test_a_broker_without_room_refuses_truthfully_and_takes_jobs_again_when_it_has_some(
    own: OwnStack, disk: Path
) -> None:
    crowd = Crowd(own.product.url, own.token, own.upstream)
    crowd.tell(tokens=120, gap=0.1)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(crowd.ask())
        await crowd.spoken(SPOKEN)
        with filled(disk):
            await until(lambda: is_refused(own), 2 * LIMIT)
            await until(lambda: is_unwell(own))
            # Kafka halts when its only log folder fails, so that somebody starts it anew
            has_halted = await own.servers.kafka.ended_by_itself(LIMIT)
        if has_halted:
            await own.servers.kafka.start()
        began = time.monotonic()
        await until(lambda: is_served(own), RECOVERY)
        served = time.monotonic() - began

    print(f"halted: {has_halted}; requests are answered {served:.1f} s after there was room")
    assert crowd.outcomes() == {Outcome.WHOLE: len(NAMES)}
    await until(lambda: own.have_ended_once(crowd.job_ids()), RECOVERY)
    await until(own.is_well, RECOVERY)


@pytest.fixture
def disk(own: OwnStack) -> Path:
    """Where Kafka's data lie."""
    if own.servers.disk is None:
        pytest.skip("needs a disk of its own for the broker: root, and mount of a tmpfs")
    return own.servers.disk


async def is_unwell(own: OwnStack) -> bool:
    """Whether the edge says so of the broker."""
    return "kafka" in await own.unwell()


@contextmanager
def filled(disk: Path) -> Iterator[None]:
    """No room on a disk until the block ends."""
    file = disk / "filling"
    try:
        with pytest.raises(OSError, match="No space left"):
            fill(file)
        yield
    finally:
        file.unlink()


def fill(file: Path) -> None:
    """Write until that fails."""
    with file.open("wb", buffering=0) as filling:
        while True:
            filling.write(bytes(PIECE))


async def is_refused(own: OwnStack) -> bool:
    """Whether a chat is refused. The first ones may still fit into pages that are there."""
    return (await ask(own)).is_refusal()
