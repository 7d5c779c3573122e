"""How workers find the endpoints, told over a real Redis."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from contracts.ids import PROVIDER, new_id
from infra.registry.health import KEPT_SECONDS, EndpointHealth, HealthBoard, HealthReport
from infra.relay.redis import open_redis
from infra.settings import RedisSettings

pytestmark = pytest.mark.stack

WELL = EndpointHealth(url="http://a", state="closed", failures=0, rests_for=0.0)
SICK = EndpointHealth(url="http://a", state="closed", failures=2, rests_for=0.0)
OPEN = EndpointHealth(url="http://a", state="open", failures=5, rests_for=10.0)
TRIED = EndpointHealth(url="http://a", state="half_open", failures=5, rests_for=0.0)
OTHER = EndpointHealth(url="http://b", state="closed", failures=0, rests_for=0.0)


@pytest.fixture
async def redis(valkey: RedisSettings) -> AsyncIterator[Redis]:
    async with open_redis(valkey) as redis:
        yield redis


@pytest.fixture
def provider_id() -> str:
    return new_id(PROVIDER)


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ([[WELL, OTHER]], [WELL, OTHER]),
        ([[WELL], [OPEN, OTHER]], [OPEN, OTHER]),
        ([[OPEN], [TRIED], [WELL]], [OPEN]),
        ([[WELL], [TRIED]], [TRIED]),
        ([[WELL], [SICK]], [SICK]),
        ([[]], []),
    ],
)
async def test_each_endpoint_is_as_the_worker_finds_it_that_finds_it_worst(
    redis: Redis, provider_id: str, told: list[list[EndpointHealth]], found: list[EndpointHealth]
) -> None:
    board = HealthBoard(redis)

    for number, endpoints in enumerate(told):
        await board.tell(f"w{number}", {provider_id: endpoints})

    assert await board.of(provider_id) == found


async def test_a_worker_that_ends_takes_its_word_with_it(redis: Redis, provider_id: str) -> None:
    board = HealthBoard(redis)
    await board.tell("w1", {provider_id: [OPEN]})
    await board.tell("w2", {provider_id: [WELL]})

    await board.leave("w1", [provider_id])

    assert await board.of(provider_id) == [WELL]


async def test_what_is_old_is_not_believed_and_does_not_stay(redis: Redis, provider_id: str) -> None:
    board = HealthBoard(redis)
    await board.tell("w1", {provider_id: [WELL]})
    (seconds, _) = await redis.time()
    old = HealthReport(at=seconds - KEPT_SECONDS - 1, endpoints=(OPEN,))
    await redis.hset(f"health:{provider_id}", "dead", old.model_dump_json())

    assert await board.of(provider_id) == [WELL]
    assert 0 < await redis.ttl(f"health:{provider_id}") <= 2 * KEPT_SECONDS


@pytest.mark.parametrize(
    "report", ["", "{}", '{"at":1e12,"endpoints":[{"url":"http://a","state":"dreaming"}]}']
)
async def test_a_report_that_this_version_cannot_read_is_passed_over(
    redis: Redis, provider_id: str, report: str
) -> None:
    board = HealthBoard(redis)
    await board.tell("w1", {provider_id: [WELL]})

    await redis.hset(f"health:{provider_id}", "newer", report)

    assert await board.of(provider_id) == [WELL]


async def test_without_redis_nothing_is_known_and_nobody_fails() -> None:
    away = RedisSettings.model_validate({"url": "redis://127.0.0.1:1/0", "timeout": 0.2})
    async with open_redis(away) as redis:
        board = HealthBoard(redis)

        await board.tell("w1", {"prov_x": [WELL]})
        await board.leave("w1", ["prov_x"])

        assert await board.of("prov_x") == []
