"""Identity on one migrated database, which the tests of this room share: each makes its own guests."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import pytest

from api_edge.auth.accounts import Accounts, open_accounts
from infra.database import open_database
from infra.migrations.upgrade import upgrade
from infra.settings import DatabaseSettings, IdentitySettings
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
async def accounts(migrated: DatabaseSettings) -> AsyncIterator[Accounts]:
    async with open_database(migrated) as opened:
        yield await open_accounts(opened, IdentitySettings(issuer="https://jan.example"))
