"""Keys on one migrated database, which the tests of this room share: each has a caller of its own."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import pytest

from contracts.envelope import Caller
from contracts.ids import new_ulid
from infra.database import Database, open_database
from infra.migrations.upgrade import upgrade
from infra.settings import DatabaseSettings
from tests.infra.store.scratch import scratch_database


@pytest.fixture(scope="module")
def migrated(database: DatabaseSettings) -> Iterator[DatabaseSettings]:
    """A migrated database; on a loop of its own, since it outlives the loops of the tests."""
    loop = asyncio.new_event_loop()
    stack = AsyncExitStack()
    try:
        settings = loop.run_until_complete(stack.enter_async_context(scratch_database(database)))
        loop.run_until_complete(upgrade(settings))
        yield settings
    finally:
        loop.run_until_complete(stack.aclose())
        loop.close()


@pytest.fixture
async def store(migrated: DatabaseSettings) -> AsyncIterator[Database]:
    async with open_database(migrated) as opened:
        yield opened


@pytest.fixture
async def nowhere() -> AsyncIterator[Database]:
    """A database that does not answer."""
    async with open_database(DatabaseSettings(url="postgresql://jan:jan@127.0.0.1:1/jan", timeout=1)) as it:
        yield it


@pytest.fixture
def caller() -> Caller:
    """Somebody whom no other test knows."""
    return Caller(user_id=new_ulid(), tenant=new_ulid())
