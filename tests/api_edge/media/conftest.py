"""A media desk for each test, on a migrated database of its own."""

from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from api_edge.media.desk import MediaDesk
from api_edge.media.links import Links
from infra.database import open_database
from infra.migrations.upgrade import upgrade
from infra.presigning import Presigner
from infra.settings import DatabaseSettings, MediaSettings, ObjectSettings
from tests.api_edge.media.room import LARGEST, LIMIT, Completing, Objects, Room
from tests.infra.store.scratch import scratch_database


@pytest.fixture
async def room(database: DatabaseSettings) -> AsyncIterator[Room]:
    presigner = Presigner(
        ObjectSettings(
            endpoint="http://store:9000", access_key="jan", secret_key=SecretStr("secret"), bucket="jan"
        )
    )
    settings = MediaSettings(max_bytes=LARGEST, tenant_bytes=LIMIT)
    async with scratch_database(database) as own:
        await upgrade(own)
        async with open_database(own) as opened:
            objects = Objects()
            completing = Completing(opened, objects)
            desk = MediaDesk(opened, objects, completing, Links(presigner, settings))
            yield Room(desk, objects, completing, opened)
