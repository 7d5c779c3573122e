"""What was stored is there after a stop and a start."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg  # type: ignore[import-untyped]
import pytest
import redis.asyncio

from infra.embedded.child import await_ready, start_child, stop_child
from infra.embedded.place import Place
from infra.embedded.postgres import postgres_server
from infra.embedded.server import Server
from infra.embedded.valkey import valkey_server

pytestmark = pytest.mark.stack


@asynccontextmanager
async def running(server: Server, place: Place) -> AsyncIterator[None]:
    child = start_child(server, place.home)
    try:
        await await_ready(child)
        yield
    finally:
        await stop_child(child)


async def test_valkey_keeps_its_keys(stand: Place) -> None:
    first = await valkey_server(stand)
    async with running(first, stand), redis.asyncio.from_url(first.offers["JAN_REDIS_URL"]) as client:
        await client.set("kept", "yes")

    second = await valkey_server(stand)
    async with running(second, stand), redis.asyncio.from_url(second.offers["JAN_REDIS_URL"]) as client:
        assert await client.get("kept") == b"yes"


async def test_postgres_keeps_its_tables(stand: Place) -> None:
    first = await postgres_server(stand)
    async with running(first, stand):
        connection = await asyncpg.connect(first.offers["JAN_DATABASE_URL"])
        await connection.execute("CREATE TABLE kept (answer int); INSERT INTO kept VALUES (42)")
        await connection.close()

    second = await postgres_server(stand)
    async with running(second, stand):
        connection = await asyncpg.connect(second.offers["JAN_DATABASE_URL"])
        answer = await connection.fetchval("SELECT answer FROM kept")
        await connection.close()

    assert answer == 42
