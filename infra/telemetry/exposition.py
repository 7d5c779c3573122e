"""The text of a registry, in the form that the reader asks for."""

import asyncio

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder


async def exposition(registry: CollectorRegistry, accept: str) -> tuple[bytes, str]:
    """The metrics and their content type; written in a thread, as many series take tens of milliseconds."""
    encoder, content_type = choose_encoder(accept)
    return await asyncio.to_thread(encoder, registry), content_type
