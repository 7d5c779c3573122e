"""Conversations: what clients do with them."""
