"""Redis is killed, flushed, cut off, silent, frozen and full while a crowd of clients reads its answers."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from infra.relay.redis import open_redis
from tests.acceptance.waiting import until
from tests.faults.crowd import NAMES, Crowd, Outcome
from tests.faults.own_stack import LATE, OwnStack
from tests.faults.single import ask

pytestmark = pytest.mark.asyncio(loop_scope="module")
WELL = {Outcome.WHOLE: len(NAMES)}
SPOKEN = 8
"""Payloads of every stream after which the fault comes."""
CUTS, BETWEEN_CUTS = 6, 0.4
SILENCE = 10.0
PAUSE = 8.0
"""Longer than Redis may take to answer, and than a lease."""
RECOVERY = 20.0


async def test_streams_outlive_a_killed_redis(own: OwnStack, crowd: Crowd) -> None:
    crowd.tell(tokens=60, gap=0.05)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(crowd.ask())
        await crowd.spoken(SPOKEN)
        await own.servers.valkey.kill()
        await until(lambda: tells_of_redis(own))
        await own.servers.valkey.start()
        began = time.monotonic()
        await until(own.is_well, RECOVERY)
        print(f"ready {time.monotonic() - began:.1f} s after Redis was")

    assert crowd.outcomes() == WELL
    await is_settled(own, crowd)


async def test_streams_outlive_a_flushed_redis(own: OwnStack, crowd: Crowd, redis_itself: Redis) -> None:
    crowd.tell(tokens=60, gap=0.05)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(crowd.ask())
        for spoken in (SPOKEN, 2 * SPOKEN):
            await crowd.spoken(spoken)
            await redis_itself.flushall()

    assert crowd.outcomes() == WELL
    await is_settled(own, crowd)


async def test_streams_outlive_connections_that_are_cut_again_and_again(own: OwnStack, crowd: Crowd) -> None:
    crowd.tell(tokens=80, gap=0.05)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(crowd.ask())
        await crowd.spoken(SPOKEN)
        for _ in range(CUTS):
            own.redis_proxy.reset()
            await asyncio.sleep(BETWEEN_CUTS)

    assert crowd.outcomes() == WELL
    await is_settled(own, crowd)


async def test_streams_outlive_a_redis_that_nothing_reaches(own: OwnStack, crowd: Crowd) -> None:
    crowd.tell(tokens=100, gap=0.1)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(crowd.ask())
        await crowd.spoken(SPOKEN)
        own.redis_proxy.black_hole()
        late = tasks.create_task(ask(own))
        await asyncio.sleep(SILENCE)
        assert {"redis"} <= await own.unwell()
        own.redis_proxy.heal()
        began = time.monotonic()
        await until(own.is_well, RECOVERY)
        print(f"ready {time.monotonic() - began:.1f} s after Redis was reached")

    print(f"asked meanwhile: {late.result().status} after {late.result().seconds:.1f} s")
    assert not late.result().is_refusal()
    assert crowd.outcomes() == WELL
    await is_settled(own, crowd)


async def test_streams_outlive_a_redis_that_pauses(own: OwnStack, crowd: Crowd) -> None:
    crowd.tell(tokens=80, gap=0.1)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(crowd.ask())
        await crowd.spoken(SPOKEN)
        with own.servers.valkey.frozen():
            await asyncio.sleep(PAUSE)
        await until(own.is_well, RECOVERY)

    assert crowd.outcomes() == WELL
    await is_settled(own, crowd)


async def test_a_full_redis_is_told_of_and_streams_go_on_when_it_has_room(
    own: OwnStack, crowd: Crowd, redis_itself: Redis
) -> None:
    crowd.tell(tokens=60, gap=0.05)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(crowd.ask())
        await crowd.spoken(SPOKEN)
        await redis_itself.config_set("maxmemory", "1mb")
        await until(lambda: tells_of_redis(own))
        await redis_itself.config_set("maxmemory", "0")
        await until(own.is_well, RECOVERY)

    assert crowd.outcomes() == WELL
    await is_settled(own, crowd)


@pytest.fixture
def crowd(own: OwnStack) -> Crowd:
    """Clients of the stack."""
    return Crowd(own.product.url, own.token, own.upstream)


@pytest_asyncio.fixture(loop_scope="module")
async def redis_itself(own: OwnStack) -> AsyncIterator[Redis]:
    """Redis, past the proxy."""
    async with open_redis(own.servers.direct.valkey) as redis:
        yield redis


async def tells_of_redis(own: OwnStack) -> bool:
    """Whether readiness names it."""
    return "redis" in await own.unwell()


async def is_settled(own: OwnStack, crowd: Crowd) -> None:
    """Each job ends once, was asked for once, and the stack is well again."""
    await until(lambda: own.have_ended_once(crowd.job_ids()))
    await until(own.is_well, RECOVERY)
    asked = [chat.json["model"] for chat in own.upstream.chats if chat.json["model"] != LATE]
    assert sorted(asked) == sorted(NAMES)
