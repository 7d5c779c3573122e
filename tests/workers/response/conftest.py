"""Real servers below a response worker."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack

import pytest

from infra.database import open_database
from infra.failpoints import Moment
from infra.migrations.upgrade import upgrade
from infra.relay.line import open_line
from infra.relay.placed import PlacedLogs
from infra.relay.redis import open_redis
from infra.settings import DatabaseSettings, RedisSettings
from tests.infra.store.scratch import scratch_database
from tests.workers.response.world import JsonObject, World
from workers.response.limiting import Turns, UnlimitedTurns

Open = Callable[..., World]


@pytest.fixture
async def open_world(database: DatabaseSettings, valkey: RedisSettings) -> AsyncIterator[Open]:
    """Makes worlds, each with a response of its own."""
    async with AsyncExitStack() as stack:
        own = await stack.enter_async_context(scratch_database(database))
        await upgrade(own)
        opened = await stack.enter_async_context(open_database(own))
        redis = await stack.enter_async_context(open_redis(valkey))
        line = await stack.enter_async_context(open_line(valkey))

        def make(
            *turns: Sequence[JsonObject],
            dies: Mapping[Moment, int] | None = None,
            limits: Turns | None = None,
        ) -> World:
            logs = PlacedLogs(line, 60)
            return World(opened, redis, logs, turns, dies or {}, turn_limits=limits or UnlimitedTurns())

        yield make
