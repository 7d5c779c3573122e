"""The tool as it is wired: on a real Redis, with sessions of its own."""

from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr, ValidationError
from redis.asyncio import Redis

from contracts.ids import new_ulid
from contracts.tools.search import GOOGLE_SEARCH, SearchResult
from contracts.tools.spec import ToolResult
from infra.relay.redis import open_redis
from infra.settings import RedisSettings, SearchSettings
from tests.engines.script import Script
from tests.engines.server import Engines
from tests.workers.tool.search.desk import settings_for
from workers.tool.ports import Call, Tool
from workers.tool.search import open_search

pytestmark = pytest.mark.stack
FAR = 1e12


@pytest.fixture
async def redis(valkey: RedisSettings) -> AsyncIterator[Redis]:
    async with open_redis(valkey) as redis:
        yield redis


async def searched(tool: Tool, tenant: str, **arguments: object) -> ToolResult:
    return await tool.call(Call("job_1", tenant, "usr_1", {"q": "cats", **arguments}, FAR))


async def test_a_search_is_kept_in_redis(engines: Engines, redis: Redis) -> None:
    tenant = new_ulid()

    async with open_search(settings_for(engines), redis) as tool:
        first = await searched(tool, tenant)
        again = await searched(tool, tenant, offline_mode=True)

    assert tool.spec == GOOGLE_SEARCH
    assert len(engines.requests) == 1
    assert SearchResult.model_validate(first.structured).live
    assert SearchResult.model_validate(again.structured).cache_status == "cache"


async def test_a_broken_connection_that_was_kept_is_replaced(engines: Engines, redis: Redis) -> None:
    engines.next("serper", Script(), Script(fault="reset"))

    async with open_search(settings_for(engines), redis) as tool:
        await searched(tool, new_ulid())
        result = await searched(tool, new_ulid())

    assert SearchResult.model_validate(result.structured).engine == "serper"


async def test_with_redis_away_the_web_is_searched(engines: Engines) -> None:
    away = RedisSettings(url=SecretStr("redis://127.0.0.1:1/0"), timeout=0.2)

    async with open_redis(away) as redis, open_search(settings_for(engines), redis) as tool:
        result = await searched(tool, "t1")

    assert SearchResult.model_validate(result.structured).live


async def test_the_result_fits_the_schema_that_is_told(engines: Engines, redis: Redis) -> None:
    async with open_search(settings_for(engines), redis) as tool:
        result = await searched(tool, new_ulid())

    assert result.structured is not None
    assert GOOGLE_SEARCH.output_schema is not None
    assert set(GOOGLE_SEARCH.output_schema["required"]) <= set(result.structured)


async def test_without_a_key_or_an_address_it_is_off(redis: Redis) -> None:
    async with open_search(SearchSettings(serper_key=SecretStr("")), redis) as tool:
        assert tool.off_reason is not None


def test_an_engine_that_nobody_knows_is_a_mistake_of_the_operator() -> None:
    with pytest.raises(ValidationError):
        SearchSettings.model_validate({"engines": "serper,bing"})
