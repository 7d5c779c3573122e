"""The way to providers that speak Anthropic's Messages API."""

from workers.completion.anthropic.client import AnthropicProvider, Http, Limit

__all__ = ["AnthropicProvider", "Http", "Limit"]
