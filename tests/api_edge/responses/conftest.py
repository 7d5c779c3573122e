"""A room for each test, on a migrated database of its own."""

from collections.abc import AsyncIterator

import pytest

from infra.database import open_database
from infra.migrations.upgrade import upgrade
from infra.settings import DatabaseSettings
from tests.api_edge.responses.room import Room
from tests.infra.store.scratch import scratch_database


@pytest.fixture
async def room(database: DatabaseSettings) -> AsyncIterator[Room]:
    async with scratch_database(database) as own:
        await upgrade(own)
        async with open_database(own) as opened:
            yield Room(opened)
