"""The provider of these tests: scripted, over real sockets."""

from collections.abc import AsyncIterator

import pytest

from infra.settings import ProviderSettings
from tests.upstream.server import Upstream, open_upstream
from workers.completion.provider import HttpProvider, open_provider


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    """A provider that plays scripts."""
    async with open_upstream() as server:
        yield server


@pytest.fixture
def settings(upstream: Upstream) -> ProviderSettings:
    """Settings that lead to it."""
    return ProviderSettings(url=upstream.url, models=())


@pytest.fixture
async def provider(settings: ProviderSettings) -> AsyncIterator[HttpProvider]:
    """Our client of it."""
    async with open_provider(settings) as client:
        yield client
