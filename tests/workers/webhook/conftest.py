"""A migrated database, a receiver, and what delivers to it."""

from collections.abc import AsyncIterator

import pytest

from infra.database import open_database
from infra.migrations.upgrade import upgrade
from infra.settings import DatabaseSettings
from tests.infra.store.scratch import scratch_database
from tests.receiver import Receiver, open_receiver
from tests.workers.webhook.desk import Desk, open_desk


@pytest.fixture
async def desk(database: DatabaseSettings) -> AsyncIterator[Desk]:
    async with scratch_database(database) as settings:
        await upgrade(settings)
        async with open_database(settings) as opened, open_desk(opened) as desk:
            yield desk


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with open_receiver() as opened:
        yield opened
