"""What workers and edges tell each other, on a real server, in a database of its own."""

from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from contracts.envelope import Lane
from contracts.ids import new_ulid
from infra.relay.load import (
    LEADER,
    PICTURE,
    PICTURE_SECONDS,
    REPORT_SECONDS,
    WORKERS,
    LanePicture,
    LaneReport,
    LoadBoard,
    Picture,
    WorkerReport,
    load_of,
    picture_of,
)
from infra.relay.redis import RelayDown, open_redis
from infra.settings import RedisSettings

OWN_DATABASE = "/9"
PICTURED = Picture(lanes={"jobs": LanePicture(backlog=7, running=2, places=4, rate=1.5)}, workers=("w",))


@pytest.fixture
async def client(valkey: RedisSettings) -> AsyncIterator[Redis]:
    url = valkey.url.get_secret_value().rpartition("/")[0] + OWN_DATABASE
    async with open_redis(valkey.model_copy(update={"url": SecretStr(url)})) as client:
        await client.flushdb()
        yield client


@pytest.fixture
def board(client: Redis) -> LoadBoard:
    return LoadBoard(client)


def report(worker: str, **lane: float) -> WorkerReport:
    return WorkerReport(worker=worker, lanes={"jobs": LaneReport.model_validate(lane)})


async def test_workers_that_tell_are_known_until_they_leave(board: LoadBoard) -> None:
    one, two = report("one", running=1, places=4, rate=2.5), report("two", running=0, places=8, rate=0)

    await board.tell(one)
    await board.tell(two)
    assert await board.reports() == [one, two]
    await board.leave("one")

    assert await board.reports() == [two]


async def test_a_worker_that_tells_nothing_is_taken_off_the_list(board: LoadBoard, client: Redis) -> None:
    await board.tell(report("dead"))
    assert 0 < await client.ttl("worker:dead") <= REPORT_SECONDS
    await client.delete("worker:dead")  # as its time to live would

    assert await board.reports() == []
    assert await client.smembers(WORKERS) == set()


async def test_a_report_that_cannot_be_read_hides_no_other(board: LoadBoard, client: Redis) -> None:
    await board.tell(report("good"))
    await board.tell(report("new"))
    await client.set("worker:new", b'{"of": "another version"}')

    assert [one.worker for one in await board.reports()] == ["good"]


async def test_one_edge_leads_until_it_resigns_or_dies(board: LoadBoard, client: Redis) -> None:
    one, two, three = (new_ulid() for _ in range(3))

    assert [await board.lead(edge) for edge in (one, two, one)] == [True, False, True]
    await board.resign(two)
    assert not await board.lead(two)
    await board.resign(one)
    assert await board.lead(two)
    assert await client.pttl(LEADER) > 0
    await client.delete(LEADER)  # as its time to live would
    assert await board.lead(three)


async def test_a_picture_keeps_the_age_that_it_had(board: LoadBoard, client: Redis) -> None:
    await board.publish(PICTURED, age=4.0)
    found = await board.picture()

    assert found is not None
    assert found[0] == PICTURED
    assert 4.0 <= found[1] < PICTURE_SECONDS
    await client.pexpire(PICTURE, 1_000)
    found = await board.picture()
    assert found is not None
    assert found[1] >= PICTURE_SECONDS - 1.0


async def test_a_picture_that_is_too_old_is_none(board: LoadBoard) -> None:
    await board.publish(PICTURED, age=PICTURE_SECONDS)

    assert await board.picture() is None


async def test_without_redis_each_call_says_so() -> None:
    nowhere = RedisSettings(url=SecretStr("redis://127.0.0.1:1/0"), timeout=0.2)
    async with open_redis(nowhere) as client:
        board = LoadBoard(client)
        for call in (
            board.tell(report("w")),
            board.leave("w"),
            board.reports(),
            board.lead("e"),
            board.resign("e"),
            board.publish(PICTURED, 0.0),
            board.picture(),
        ):
            with pytest.raises(RelayDown):
                await call


def test_a_picture_sums_up_the_workers_of_each_lane() -> None:
    reports = [report("b", running=1, places=4, rate=2), report("a", running=3, places=4, rate=0.5)]

    picture = picture_of({"jobs": 30, "others": 5}, reports)

    assert picture.workers == ("a", "b")
    assert picture.lanes["jobs"] == LanePicture(backlog=30, running=4, places=8, rate=2.5)
    assert picture.lanes["others"] == LanePicture(backlog=5, running=0, places=0, rate=0)


@pytest.mark.parametrize(
    ("backlog", "running", "places", "rate", "wait"),
    [
        (0, 0, 8, 0.0, 0.0),
        (12, 4, 12, 2.0, 0.0),  # eight wait, and there are eight free places
        (32, 8, 8, 2.0, 12.0),
        (36, 4, 8, 2.0, 14.0),  # four of those that wait find a place
        (50, 0, 0, 0.0, None),  # no worker
        (50, 8, 8, 0.0, None),  # none has begun a job yet
        (3, 8, 8, 1.0, 0.0),  # the workers' word is newer than Kafka's
    ],
)
def test_the_expected_wait(backlog: int, running: int, places: int, rate: float, wait: float | None) -> None:
    picture = LanePicture(backlog=backlog, running=running, places=places, rate=rate)

    load = load_of(Lane.FLEX, picture, measured_at=3.0)

    assert load.expected_wait == wait
    assert load.waiting == max(0, backlog - running)
    assert (load.lane, load.measured_at) == (Lane.FLEX, 3.0)
