"""Webhooks are delivered: signed, tried again for three days, and never twice at once."""
