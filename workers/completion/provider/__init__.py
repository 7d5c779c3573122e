"""The way to the provider: any server that speaks OpenAI's chat completions over HTTP."""

from workers.completion.provider.client import HttpProvider, open_provider
from workers.completion.provider.pool import Connect

__all__ = ["Connect", "HttpProvider", "open_provider"]
