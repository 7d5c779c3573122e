"""A migrated database for each test of the store."""

from collections.abc import AsyncIterator

import pytest

from infra.database import Database, open_database
from infra.migrations.upgrade import upgrade
from infra.settings import DatabaseSettings
from tests.infra.store.scratch import scratch_database


@pytest.fixture
async def store(database: DatabaseSettings) -> AsyncIterator[Database]:
    async with scratch_database(database) as settings:
        await upgrade(settings)
        async with open_database(settings) as opened:
            yield opened
