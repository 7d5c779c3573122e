"""A bucket gives what it holds, to however many ask at once."""

import asyncio

import pytest
from redis.asyncio import Redis

from contracts.errors import ErrorCode
from contracts.ids import new_ulid
from infra.limits.buckets import Buckets
from infra.limits.errors import LimitsDown
from infra.relay.redis import open_redis
from infra.settings import LimitSettings, RedisSettings
from tests.infra.limits.conftest import PATIENT

pytestmark = pytest.mark.stack
SLOWLY = 100_000.0
"""Seconds of a refill that no test sees."""


async def test_a_bucket_gives_what_it_holds_and_then_tells_when_to_come_back(redis: Redis) -> None:
    buckets, name = Buckets(redis, PATIENT), new_ulid()

    first = await buckets.take(name, capacity=3, seconds=SLOWLY)
    rest = [await buckets.take(name, capacity=3, seconds=SLOWLY) for _ in range(3)]

    assert (first.is_allowed, first.limit, first.remaining, first.retry_after) == (True, 3, 2, 0)
    assert [taken.is_allowed for taken in rest] == [True, True, False]
    assert rest[-1].remaining == 0
    assert SLOWLY / 3 * 0.9 < rest[-1].retry_after <= SLOWLY / 3
    assert SLOWLY * 0.9 < rest[-1].reset <= SLOWLY


async def test_it_refills_evenly(redis: Redis) -> None:
    buckets, name = Buckets(redis, PATIENT), new_ulid()
    await buckets.take(name, capacity=100_000, seconds=100, cost=100_000)

    refused = await buckets.take(name, capacity=100_000, seconds=100, cost=50_000)
    async with asyncio.timeout(5):
        while not (await buckets.take(name, capacity=100_000, seconds=100, cost=10)).is_allowed:
            pass

    assert not refused.is_allowed
    assert refused.retry_after <= 50


async def test_the_last_unit_is_given_once_to_a_hundred_on_many_connections(valkey: RedisSettings) -> None:
    name = new_ulid()

    async def ask() -> bool:
        async with open_redis(valkey.model_copy(update={"max_connections": 1})) as redis:
            return (await Buckets(redis, PATIENT).take(name, capacity=7, seconds=SLOWLY)).is_allowed

    given = await asyncio.gather(*(ask() for _ in range(100)))

    assert sum(given) == 7


async def test_a_cost_above_the_capacity_takes_all_of_it(redis: Redis) -> None:
    buckets, name = Buckets(redis, PATIENT), new_ulid()

    assert (await buckets.take(name, capacity=3, seconds=SLOWLY, cost=9)).is_allowed
    assert not (await buckets.take(name, capacity=3, seconds=SLOWLY)).is_allowed


async def test_every_bucket_is_forgotten_when_it_is_full(redis: Redis) -> None:
    name = new_ulid()
    await Buckets(redis, PATIENT).take(name, capacity=2, seconds=60)

    assert 0 < await redis.pttl(f"bucket:{name}") <= 31_000


async def test_without_redis_nothing_is_known(valkey: RedisSettings) -> None:
    settings = RedisSettings(url="redis://127.0.0.1:1/0", timeout=valkey.timeout)
    async with open_redis(settings) as redis:
        with pytest.raises(LimitsDown) as caught:
            await Buckets(redis, LimitSettings()).take("x", capacity=1, seconds=1)

    assert caught.value.detail.code == ErrorCode.DEPENDENCY_DOWN
    assert caught.value.detail.status == 503
