"""Webhooks: endpoints that are told when something ends, and how that went."""
