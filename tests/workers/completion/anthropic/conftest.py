"""A provider with Anthropic's API, scripted, over real sockets, and our way to it."""

from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from infra.settings import ProviderSettings
from tests.upstream.server import Upstream
from workers.completion.anthropic import AnthropicProvider
from workers.completion.provider import open_provider

KEY = "sk-ant-0123456789"
NOW = 1_741_570_283.5


@pytest.fixture
def settings(upstream: Upstream) -> ProviderSettings:
    """Settings that lead to it."""
    return ProviderSettings(
        url=upstream.url, key=SecretStr(KEY), protocol="anthropic", auth="x-api-key", models=()
    )


@pytest.fixture
async def claude(settings: ProviderSettings) -> AsyncIterator[AnthropicProvider]:
    """Our client of it."""
    async with open_provider(settings) as http:
        yield AnthropicProvider(http, "anthropic", clock=lambda: NOW)
        await http.drained()
