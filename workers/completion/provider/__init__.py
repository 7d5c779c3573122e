"""The way to the provider: any server that speaks OpenAI's chat completions over HTTP."""

from workers.completion.provider.client import HttpProvider, open_provider

__all__ = ["HttpProvider", "open_provider"]
