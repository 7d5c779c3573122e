"""The connection to Redis, when it is lost and when Redis takes nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest
import uvloop
from pydantic import SecretStr
from redis.asyncio import Redis

from infra.relay.redis import RelayDown, open_redis, ping
from infra.settings import RedisSettings
from tests.acceptance.waiting import until
from tests.faults.proxy import Proxy, open_proxy

CONNECTIONS = 4


def test_connections_that_were_reset_while_they_rested_are_opened_anew(valkey: RedisSettings) -> None:
    async def rest_and_ask() -> None:
        async with open_proxied(valkey) as (redis, proxy):
            await asyncio.gather(*(ping(redis) for _ in range(CONNECTIONS)))
            assert proxy.open_connections == CONNECTIONS
            proxy.reset()
            await until(lambda: are_lost(proxy))
            for _ in range(2 * CONNECTIONS):
                await ping(redis)

    uvloop.run(rest_and_ask())


async def test_a_redis_that_takes_no_writes_is_told_of(client: Redis) -> None:
    await client.config_set("maxmemory", "1")
    try:
        with pytest.raises(RelayDown, match="maxmemory"):
            await ping(client)
    finally:
        await client.config_set("maxmemory", "0")

    await ping(client)


@asynccontextmanager
async def open_proxied(settings: RedisSettings) -> AsyncIterator[tuple[Redis, Proxy]]:
    """A client behind a proxy."""
    url = settings.url.get_secret_value()
    port = urlsplit(url).port
    assert port
    async with open_proxy(port) as proxy:
        moved = SecretStr(url.replace(f":{port}/", f":{proxy.port}/"))
        async with open_redis(settings.model_copy(update={"url": moved})) as redis:
            yield redis, proxy


async def are_lost(proxy: Proxy) -> bool:
    """Whether the proxy has let go of all."""
    return proxy.open_connections == 0
