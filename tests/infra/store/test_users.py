"""Users and their refresh tokens."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from infra.database import Database
from infra.identity.opaque import keyed_hash
from infra.store.refresh_tokens import RefreshToken, add_refresh_token, refresh_token_of
from infra.store.users import add_user, new_guest, user_of

pytestmark = pytest.mark.stack

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
HASH = keyed_hash("secret", "rt_token")


def token(user_id: str) -> RefreshToken:
    return RefreshToken(
        token_hash=HASH,
        user_id=user_id,
        family="01FAMILY",
        created_at=NOW,
        expires_at=NOW + timedelta(days=30),
    )


async def test_guest_is_a_tenant_of_their_own_and_read_back_whole(store: Database) -> None:
    guest = new_guest(NOW)
    async with store.begin() as session:
        await add_user(session, guest)

    async with store.begin() as session:
        read = await user_of(session, guest.user_id)

    assert read is not None
    assert read.model_dump() == guest.model_dump()
    assert (read.tenant, read.is_guest, read.roles) == (read.user_id, True, ["guest"])
    assert read.username == f"guest-{read.user_id.lower()}"


async def test_unknown_user_is_none(store: Database) -> None:
    async with store.begin() as session:
        assert await user_of(session, "01NOBODY") is None


async def test_refresh_token_is_found_by_its_hash_alone(store: Database) -> None:
    guest = new_guest(NOW)
    async with store.begin() as session:
        await add_user(session, guest)
        await add_refresh_token(session, token(guest.user_id))

    async with store.begin() as session:
        found = await refresh_token_of(session, HASH)
        missing = await refresh_token_of(session, "rt_token")

    assert found is not None
    assert (found.user_id, found.family, found.used_at, found.revoked_at) == (
        guest.user_id,
        "01FAMILY",
        None,
        None,
    )
    assert missing is None


async def test_refresh_token_needs_a_user(store: Database) -> None:
    with pytest.raises(IntegrityError):
        async with store.begin() as session:
            await add_refresh_token(session, token("01NOBODY"))
