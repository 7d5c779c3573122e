"""A real server, on which every test has names of its own."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from infra.relay.redis import open_redis
from infra.settings import LimitSettings, RedisSettings

PATIENT = LimitSettings(timeout=5)
"""On a busy machine, too."""


@pytest.fixture
async def redis(valkey: RedisSettings) -> AsyncIterator[Redis]:
    async with open_redis(valkey) as redis:
        yield redis
