"""Whose tier it is."""

from datetime import UTC, datetime

import pytest
from sqlmodel import select

from infra.database import Database
from infra.store.audit import OPERATOR, AuditRow
from infra.store.tiers import give_tier, set_tier, tier_of
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


async def test_a_tier_given_is_in_the_audit_log(store: Database) -> None:
    guest, now = new_guest(datetime.now(UTC)), datetime.now(UTC)
    async with store.begin() as session:
        await add_user(session, guest)
    for tier in ("pro", "pro", None):
        async with store.begin() as session:
            given = await give_tier(session, guest.user_id, tier, OPERATOR, now)
            assert given is not None
            assert given.tier == tier

    async with store.begin() as session:
        rows = list(await session.exec(select(AuditRow)))
        assert await give_tier(session, "01NOBODY", "pro", OPERATOR, now) is None
    changes = [row.changes["tier"] for row in sorted(rows, key=lambda row: row.audit_id)]
    assert changes == [[None, "pro"], ["pro", None]]
