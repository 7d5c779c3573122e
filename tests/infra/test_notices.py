"""Notices reach every process, and who missed some reads the truth instead."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from redis.asyncio import Redis

from contracts.errors import ApiError, ErrorCode
from infra.notices import KEPT_SECONDS, STREAM, Notice, Notices, followed, open_notices
from infra.relay.redis import open_redis
from infra.settings import RedisSettings
from tests.acceptance.waiting import until

pytestmark = pytest.mark.stack


class Truth:
    """What a process takes over, and how often it has read everything."""

    def __init__(self) -> None:
        self.heard: list[Notice] = []
        self.readings = 0
        self.is_away = False

    async def reload(self) -> None:
        self.readings += 1
        if self.is_away:
            raise ApiError(ErrorCode.DEPENDENCY_DOWN, "away")


@pytest.fixture
async def redis(valkey: RedisSettings) -> AsyncIterator[Redis]:
    async with open_redis(valkey) as redis:
        yield redis


@pytest.fixture
async def notices(redis: Redis) -> AsyncIterator[Notices]:
    async with open_notices(redis) as notices:
        yield notices


async def test_a_notice_reaches_every_process_once_and_in_order(notices: Notices) -> None:
    truths = [Truth() for _ in range(3)]
    told = [{"deny": f"sid:{number}", "until": "1"} for number in range(20)]

    async with AsyncExitStack() as following:
        for truth in truths:
            await following.enter_async_context(followed(notices, truth.heard.append, truth.reload))
        await asyncio.gather(*(begun(truth) for truth in truths))
        for notice in told:
            await notices.tell(notice)

        async def have_heard() -> bool:
            return all(len(truth.heard) == len(told) for truth in truths)

        await until(have_heard)

    assert [truth.heard for truth in truths] == [told] * 3


async def test_what_was_told_before_is_in_the_truth_and_not_told_again(notices: Notices) -> None:
    truth = Truth()
    await notices.tell({"deny": "before"})

    async with followed(notices, truth.heard.append, truth.reload):
        await begun(truth)
        await notices.tell({"deny": "after"})

        async def has_heard() -> bool:
            return bool(truth.heard)

        await until(has_heard)

    assert truth.heard == [{"deny": "after"}]


async def test_the_truth_is_read_again_and_again_while_redis_is_away() -> None:
    nowhere = RedisSettings.model_validate({"url": "redis://127.0.0.1:1/0"})
    truth = Truth()

    async def is_read() -> bool:
        return truth.readings >= 3

    async with (
        open_redis(nowhere) as redis,
        open_notices(redis) as notices,
        followed(notices, truth.heard.append, truth.reload),
    ):
        await until(is_read)


async def test_a_truth_that_cannot_be_read_for_a_while_does_not_end_the_following(redis: Redis) -> None:
    truth = Truth()

    async with (
        open_notices(redis, reload_seconds=0.0) as notices,
        followed(notices, truth.heard.append, truth.reload),
    ):
        truth.is_away = True

        async def was_tried() -> bool:
            return truth.readings >= 3

        await until(was_tried)
        truth.is_away = False
        await begun(truth, truth.readings)
        await notices.tell({"deny": "later"})

        async def has_heard() -> bool:
            return bool(truth.heard)

        await until(has_heard)


async def test_a_process_that_cannot_read_the_truth_at_its_start_does_not_start(notices: Notices) -> None:
    truth = Truth()
    truth.is_away = True

    with pytest.raises(ApiError, match="away"):
        async with followed(notices, truth.heard.append, truth.reload):
            pytest.fail("it began")


async def test_the_stream_is_bounded_in_time(notices: Notices, redis: Redis) -> None:
    await notices.tell({"deny": "one"})

    assert 0 < await redis.ttl(STREAM) <= KEPT_SECONDS


async def begun(truth: Truth, more_than: int = 1) -> None:
    """Wait until a process reads the stream: it reads the truth once more, just before."""

    async def reads() -> bool:
        return truth.readings > more_than

    await until(reads)
