"""A migrated database for each test, and the tools on it."""

from collections.abc import AsyncIterator

import pytest

from infra.database import Database, open_database
from infra.migrations.upgrade import upgrade
from infra.settings import DatabaseSettings
from tests.infra.store.scratch import scratch_database
from tests.workers.tool.file_search.desk import Desk, Letters, desk_of, offer


@pytest.fixture
async def store(database: DatabaseSettings) -> AsyncIterator[Database]:
    async with scratch_database(database) as settings:
        await upgrade(settings)
        async with open_database(settings) as opened:
            yield opened


@pytest.fixture
def embeddings() -> Letters:
    return Letters()


@pytest.fixture
def desk(store: Database, embeddings: Letters) -> Desk:
    """The tools, with one model that counts letters."""
    return desk_of(store, embeddings, offer())
