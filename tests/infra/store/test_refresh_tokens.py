"""Refresh tokens: families that fall together, and those that have expired."""

from datetime import UTC, datetime, timedelta

import pytest

from infra.database import Database
from infra.store.refresh_tokens import (
    RefreshToken,
    add_refresh_token,
    has_session,
    locked_token,
    owner_of_token,
    refresh_token_of,
    revoke_family,
    sweep_tokens,
)
from infra.store.users import User, add_user, new_guest

pytestmark = pytest.mark.stack

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(days=31)


@pytest.fixture
async def user(store: Database) -> User:
    guest = new_guest(NOW)
    async with store.begin() as session:
        await add_user(session, guest)
    return guest


async def keep(store: Database, user: User, name: str, family: str = "f1", days: int = 30) -> None:
    token = RefreshToken(
        token_hash=name,
        user_id=user.user_id,
        family=family,
        created_at=NOW,
        expires_at=NOW + timedelta(days=days),
    )
    async with store.begin() as session:
        await add_refresh_token(session, token)


async def revoked_at(store: Database, name: str) -> datetime | None:
    async with store.begin() as session:
        token = await refresh_token_of(session, name)
    assert token is not None
    return token.revoked_at


async def test_a_family_falls_together_and_alone(store: Database, user: User) -> None:
    await keep(store, user, "a")
    await keep(store, user, "b")
    await keep(store, user, "c", family="f2")

    for moment in (NOW, LATER):
        async with store.begin() as session:
            await revoke_family(session, user.user_id, "f1", moment)

    assert [await revoked_at(store, name) for name in "abc"] == [NOW, NOW, None]


async def test_a_family_is_its_users(store: Database, user: User) -> None:
    await keep(store, user, "a")

    async with store.begin() as session:
        await revoke_family(session, "01SOMEBODY", "f1", NOW)
        assert not await has_session(session, "01SOMEBODY", "f1", NOW)

    assert await revoked_at(store, "a") is None


async def test_a_session_goes_on_until_its_last_token_ends(store: Database, user: User) -> None:
    await keep(store, user, "a")

    async with store.begin() as session:
        assert await has_session(session, user.user_id, "f1", NOW)
        assert not await has_session(session, user.user_id, "f1", LATER)
        assert not await has_session(session, user.user_id, "f2", NOW)
        await revoke_family(session, user.user_id, "f1", NOW)
        assert not await has_session(session, user.user_id, "f1", NOW)


async def test_the_owner_of_a_token_is_told(store: Database, user: User) -> None:
    await keep(store, user, "a")

    async with store.begin() as session:
        assert await owner_of_token(session, "a") == user.user_id
        assert await owner_of_token(session, "b") is None


async def test_so_many_expired_tokens_are_swept_and_none_that_is_looked_at(
    store: Database, user: User
) -> None:
    for name in "abc":
        await keep(store, user, name, days=1)
    await keep(store, user, "d", days=60)

    async with store.begin() as looking, store.begin() as session:
        assert await locked_token(looking, "a") is not None
        await sweep_tokens(session, LATER, most=1)
        await sweep_tokens(session, LATER, most=1)
        await sweep_tokens(session, LATER, most=10)

    async with store.begin() as session:
        left = [name for name in "abcd" if await refresh_token_of(session, name) is not None]
    assert left == ["a", "d"]
