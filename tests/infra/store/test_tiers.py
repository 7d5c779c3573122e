"""Whose tier it is."""

from datetime import UTC, datetime

import pytest

from infra.database import Database
from infra.store.tiers import set_tier, tier_of
from infra.store.users import add_user, new_guest

pytestmark = pytest.mark.stack


async def test_a_tenant_has_the_tier_that_it_was_given(store: Database) -> None:
    guest, other = new_guest(datetime.now(UTC)), new_guest(datetime.now(UTC))
    async with store.begin() as session:
        await add_user(session, guest)
        await add_user(session, other)
        assert await tier_of(session, guest.tenant) is None

        await set_tier(session, guest.tenant, "pro")

        assert await tier_of(session, guest.tenant) == "pro"
        assert await tier_of(session, other.tenant) is None
