"""Logs whose frames have their places."""

import pytest
from redis.asyncio import Redis

from contracts.ids import new_ulid
from infra.relay.line import ScriptLine
from infra.relay.log import LogReader
from infra.relay.placed import Place, PlacedLogs
from infra.relay.reader import RelayReader
from tests.infra.relay.tools import taken

FRAMES = [b"c1 {}", b"c1 []", b"z1 {}"]


@pytest.fixture
def logs(line: ScriptLine) -> PlacedLogs:
    return PlacedLogs(line, 60)


def place(channel: str | None = None) -> Place:
    return Place(new_ulid(), "t1", channel)


async def test_frames_stand_in_their_places_however_often_they_are_written(
    logs: PlacedLogs, client: Redis
) -> None:
    mine = place()

    assert await logs.write(mine, 0, FRAMES[:2])
    assert await logs.write(mine, 0, FRAMES[:2])
    assert await logs.write(mine, 1, FRAMES[1:])

    assert await LogReader(client).whole(mine.job_id) == FRAMES


async def test_what_lacks_frames_before_it_is_not_written(logs: PlacedLogs, client: Redis) -> None:
    mine = place()

    assert not await logs.write(mine, 1, FRAMES[1:])

    assert await LogReader(client).whole(mine.job_id) == []


async def test_the_edge_that_waits_gets_them_at_once(logs: PlacedLogs, reader: RelayReader) -> None:
    mine = place(reader.channel)

    with reader.follow(mine.job_id) as follower:
        await logs.write(mine, 0, FRAMES)

        assert await taken(follower, 3) == FRAMES


async def test_an_edge_that_joined_gets_them_too(logs: PlacedLogs, reader: RelayReader) -> None:
    mine = place()

    with reader.follow(mine.job_id) as follower:
        await reader.attach(mine.job_id)
        await logs.write(mine, 0, FRAMES)

        assert await taken(follower, 3) == FRAMES


async def test_nobody_else_ends_such_a_log(logs: PlacedLogs, reader: RelayReader, client: Redis) -> None:
    mine = place()
    await logs.write(mine, 0, FRAMES[:1])

    assert not await reader.cancel(mine.job_id)

    assert await LogReader(client).whole(mine.job_id) == FRAMES[:1]
    assert (await reader.look(mine.job_id)).tenant == "t1"
