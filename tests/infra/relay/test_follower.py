"""A follower hands out each frame once and in order, whatever the wire does."""

import asyncio
import random

import pytest

from infra.relay.follower import Follower, StreamLost
from infra.relay.redis import RelayDown

LIMIT = 1_000
JOB = "0" * 26


class FakeLog:
    """A log in memory, which can be away."""

    def __init__(self, frames: list[bytes]) -> None:
        self.frames = frames
        self.reads = 0
        self.failures = 0

    async def read(self, job_id: str, first_seq: int, most: int) -> list[bytes]:
        self.reads += 1
        if self.failures:
            self.failures -= 1
            raise RelayDown("away")
        return self.frames[first_seq : first_seq + 8]


def follower(log: FakeLog, first_seq: int = 0, limit: int = LIMIT) -> Follower:
    return Follower(JOB, log, first_seq=first_seq, limit=limit, now=0.0)


def numbered(count: int) -> list[bytes]:
    return [b"c1 %d" % number for number in range(count)]


async def taken(one: Follower, count: int) -> list[bytes]:
    got: list[bytes] = []
    async with asyncio.timeout(5):
        while len(got) < count:
            got += await one.next()
    return got


async def test_frames_of_the_wire_come_without_a_look_into_the_log() -> None:
    frames = numbered(3)
    log = FakeLog(frames)
    one = follower(log)

    one.deliver(0, frames[:2])
    one.deliver(2, frames[2:])

    assert await taken(one, 3) == frames
    assert log.reads == 0


async def test_a_hole_is_filled_from_the_log() -> None:
    frames = numbered(6)
    one = follower(FakeLog(frames))

    one.deliver(0, frames[:1])
    one.deliver(4, frames[4:])

    assert await taken(one, 6) == frames
    assert not one.is_behind


async def test_a_repeated_frame_is_handed_out_once() -> None:
    frames = numbered(4)
    one = follower(FakeLog(frames))

    one.deliver(0, frames[:3])
    one.deliver(1, frames[1:])
    one.deliver(0, frames)

    assert await taken(one, 4) == frames
    one.nudge()
    assert await one.next() == []


async def test_a_slow_client_holds_no_more_than_the_limit_and_loses_nothing() -> None:
    frames = [b"c1 " + b"x" * 97 for _ in range(100)]
    one = follower(FakeLog(frames), limit=500)

    for seq, frame in enumerate(frames):
        one.deliver(seq, [frame])
        assert one._bytes <= 500

    assert await taken(one, 100) == frames


async def test_an_announced_tail_is_read_when_the_wire_lost_it() -> None:
    frames = numbered(2)
    one = follower(FakeLog(frames))

    one.announce(2)

    assert await taken(one, 2) == frames


async def test_a_log_that_is_away_for_a_moment_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.relay.follower.REREAD_SECONDS", 0)
    log = FakeLog(numbered(2))
    log.failures = 3
    one = follower(log)

    one.announce(2)

    assert await taken(one, 2) == log.frames


async def test_a_log_that_lacks_what_was_sent_ends_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.relay.follower.REREAD_SECONDS", 0)
    one = follower(FakeLog([]))

    one.announce(2)

    with pytest.raises(StreamLost):
        await taken(one, 1)


async def test_a_closed_follower_waits_for_nothing() -> None:
    one = follower(FakeLog([]))

    one.close()

    assert await one.next() == []
    assert one.is_closed


@pytest.mark.parametrize("seed", range(30))
async def test_any_order_of_losses_and_repeats_gives_every_frame_once(seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311  a test's dice
    frames = numbered(200)
    log = FakeLog([])
    one = follower(log, limit=dice.choice([20, 100, 10_000]))
    got: list[bytes] = []

    at = 0
    while len(got) < len(frames):
        if at < len(frames):
            end = min(at + dice.randint(1, 9), len(frames))
            log.frames = frames[:end]
            if dice.random() < 0.7:
                start = max(0, at - dice.choice([0, 0, 3]))
                one.deliver(start, frames[start:end])
            at = end
        else:
            one.announce(len(frames))
        if dice.random() < 0.5:
            one.nudge()
            got += await one.next()

    assert got == frames
