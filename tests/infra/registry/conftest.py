"""A migrated database for each test, as the store has it."""

from tests.infra.store.conftest import store

__all__ = ["store"]
