"""The tool on scripted engines, with a clock that does not wait and a cache in memory."""

from collections.abc import AsyncIterator

import pytest

from tests.engines.server import Engines, open_engines
from tests.workers.tool.search.desk import Desk, open_desk


@pytest.fixture
async def engines() -> AsyncIterator[Engines]:
    async with open_engines() as engines:
        yield engines


@pytest.fixture
async def desk(engines: Engines) -> AsyncIterator[Desk]:
    """Both engines, in the usual order."""
    async with open_desk(engines) as desk:
        yield desk
