"""A real server, a reader and writers on it."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from contracts.ids import new_ulid
from infra.relay.line import ScriptLine, open_line
from infra.relay.reader import RelayReader, open_reader
from infra.relay.redis import open_redis
from infra.relay.writer import RelayWriter
from infra.settings import RedisSettings, RelaySettings
from tests.infra.relay.tools import Counts, writer_of


@pytest.fixture
def counts() -> Counts:
    return Counts()


@pytest.fixture
async def client(valkey: RedisSettings) -> AsyncIterator[Redis]:
    async with open_redis(valkey) as client:
        yield client


@pytest.fixture
async def reader(client: Redis, counts: Counts) -> AsyncIterator[RelayReader]:
    async with open_reader(new_ulid(), client, RelaySettings(), heartbeat=60, stats=counts) as reader:
        yield reader


@pytest.fixture
async def line(valkey: RedisSettings) -> AsyncIterator[ScriptLine]:
    async with open_line(valkey) as line:
        yield line


@pytest.fixture
def writer(line: ScriptLine, counts: Counts) -> RelayWriter:
    return writer_of(line, counts)
