"""The edge that identity's room has."""

from tests.api_edge.auth.conftest import accounts, client, identity, migrated, settings

__all__ = ["accounts", "client", "identity", "migrated", "settings"]
