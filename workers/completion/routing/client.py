"""The client of an endpoint, by the wire that it speaks."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from infra.settings import ProviderSettings
from workers.completion.anthropic import AnthropicProvider, Limit
from workers.completion.core import Provider
from workers.completion.provider import Connect, open_provider


@asynccontextmanager
async def open_client(settings: ProviderSettings, connect: Connect, limit: Limit) -> AsyncIterator[Provider]:
    """A client with connections of its own. `limit`: tokens that a model can write at all."""
    async with open_provider(settings, connect) as http:
        if settings.protocol == "anthropic":
            yield AnthropicProvider(http, settings.name, limit, named=settings.models)
        else:
            yield http


__all__ = ["Connect", "Limit", "open_client"]
