"""Identity on a migrated database of its own."""

from collections.abc import AsyncIterator

import pytest

from api_edge.auth.accounts import Accounts, open_accounts
from infra.database import open_database
from infra.migrations.upgrade import upgrade
from infra.settings import DatabaseSettings, IdentitySettings
from tests.infra.store.scratch import scratch_database


@pytest.fixture
async def accounts(database: DatabaseSettings) -> AsyncIterator[Accounts]:
    async with scratch_database(database) as settings:
        await upgrade(settings)
        async with open_database(settings) as opened:
            yield await open_accounts(opened, IdentitySettings(issuer="https://jan.example"))
