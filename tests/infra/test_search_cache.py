"""What was found before, kept in a real Redis."""

from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from contracts.ids import new_ulid
from infra.relay.redis import open_redis
from infra.search_cache import MOST, SLOTS, CacheDown, SearchCache
from infra.settings import RedisSettings

pytestmark = pytest.mark.stack


@pytest.fixture
async def redis(valkey: RedisSettings) -> AsyncIterator[Redis]:
    async with open_redis(valkey) as redis:
        yield redis


@pytest.fixture
def cache(redis: Redis) -> SearchCache:
    return SearchCache(redis, patience=10)


@pytest.fixture
async def nowhere() -> AsyncIterator[SearchCache]:
    """A cache whose Redis is away."""
    settings = RedisSettings(url=SecretStr("redis://127.0.0.1:1/0"), timeout=0.2)
    async with open_redis(settings) as redis:
        yield SearchCache(redis)


@pytest.fixture
def tenant() -> str:
    return new_ulid()


async def test_an_answer_is_given_again_to_the_same_question(cache: SearchCache, tenant: str) -> None:
    assert await cache.put(tenant, "cats", b"found", 60)

    assert await cache.get(tenant, "cats") == b"found"
    assert await cache.get(tenant, "dogs") is None


async def test_no_tenant_sees_what_another_found(cache: SearchCache, tenant: str) -> None:
    await cache.put(tenant, "cats", b"found", 60)

    assert await cache.get(new_ulid(), "cats") is None


async def test_a_newer_answer_takes_the_place(cache: SearchCache, tenant: str) -> None:
    await cache.put(tenant, "cats", b"found", 60)
    await cache.put(tenant, "cats", b"found more", 60)

    assert await cache.get(tenant, "cats") == b"found more"


async def test_answers_are_kept_for_a_time_under_keys_that_tell_nothing(
    cache: SearchCache, redis: Redis, tenant: str
) -> None:
    await cache.put(tenant, "a secret question", b"found", 60)

    (key,) = [key async for key in redis.scan_iter(f"search:{tenant}:*")]
    assert b"secret" not in key
    assert 0 < await redis.ttl(key) <= 60


async def test_a_tenant_has_so_many_slots(cache: SearchCache, redis: Redis, tenant: str) -> None:
    for number in range(2 * SLOTS):
        await cache.put(tenant, f"question {number}", b"found", 60)

    kept = [key async for key in redis.scan_iter(f"search:{tenant}:*", count=10_000)]
    assert SLOTS / 2 < len(kept) <= SLOTS
    answers = [await cache.get(tenant, f"question {number}") for number in range(SLOTS)]
    assert set(answers) <= {b"found", None}


async def test_what_is_too_large_or_too_short_lived_is_not_kept(cache: SearchCache, tenant: str) -> None:
    noise = b"".join(bytes.fromhex(f"{number * 2654435761 % 2**32:08x}") for number in range(MOST // 2))

    assert not await cache.put(tenant, "large", noise, 60)
    assert not await cache.put(tenant, "short", b"found", 0)

    assert await cache.get(tenant, "large") is None
    assert await cache.get(tenant, "short") is None


async def test_what_somebody_else_wrote_there_is_no_answer(
    cache: SearchCache, redis: Redis, tenant: str
) -> None:
    await cache.put(tenant, "cats", b"found", 60)
    (key,) = [key async for key in redis.scan_iter(f"search:{tenant}:*")]
    kept = await redis.get(key)
    assert isinstance(kept, bytes)

    await redis.set(key, kept[:32] + b"broken", ex=60)

    assert await cache.get(tenant, "cats") is None


async def test_with_redis_away_nothing_is_kept_and_that_is_told(nowhere: SearchCache) -> None:
    assert not await nowhere.put("t", "cats", b"found", 60)

    with pytest.raises(CacheDown):
        await nowhere.get("t", "cats")
