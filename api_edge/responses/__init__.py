"""Responses: asked for, answered, read again, listed, stopped and deleted."""
