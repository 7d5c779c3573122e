"""Calls tools: those that come with the product, and those of other MCP servers."""
