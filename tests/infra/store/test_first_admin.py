"""The first admin, by a key from the environment."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr
from sqlmodel import col, select

from contracts.envelope import Role
from infra.database import Database
from infra.identity.known import key_name
from infra.identity.opaque import keyed_hash
from infra.settings import IdentitySettings
from infra.store.api_keys import ApiKeyRow
from infra.store.denials import denials
from infra.store.first_admin import AdminKey, UnfitKey, admin_key, ensure_first_admin
from infra.store.users import User, add_user, new_guest, users_with

pytestmark = pytest.mark.stack

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SETTINGS = IdentitySettings(secret=SecretStr("s3cret"))
FIRST, SECOND = (f"sk_live_{letter * 48}" for letter in "ab")


def key(value: str = FIRST) -> AdminKey:
    return admin_key(SecretStr(value), SETTINGS)


async def ensure(store: Database, value: str = FIRST, now: datetime = NOW) -> str:
    async with store.begin() as session:
        return await ensure_first_admin(session, key(value), now)


async def admins(store: Database) -> list[User]:
    async with store.begin() as session:
        return await users_with(session, Role.ADMIN)


async def keys(store: Database) -> list[ApiKeyRow]:
    async with store.begin() as session:
        return list(await session.exec(select(ApiKeyRow).order_by(col(ApiKeyRow.key_id))))


async def test_there_is_an_admin_with_this_key(store: Database) -> None:
    said = await ensure(store)

    (admin,), (row,) = await admins(store), await keys(store)
    assert said == f"admin {admin.user_id}, with a new key"
    assert (admin.username, admin.is_guest, admin.roles) == ("admin", False, ["user", "admin"])
    assert (row.user_id, row.prefix, row.last4) == (admin.user_id, "sk_live", "aaaa")
    assert row.key_hash == keyed_hash("s3cret", FIRST)
    assert row.expires_at == NOW + timedelta(days=90)


async def test_the_same_key_is_renewed(store: Database) -> None:
    await ensure(store)

    said = await ensure(store, now=NOW + timedelta(days=80))

    assert "already there" in said
    assert [row.expires_at for row in await keys(store)] == [NOW + timedelta(days=170)]
    assert len(await admins(store)) == 1


async def test_many_at_once_make_one_admin(store: Database) -> None:
    await asyncio.gather(*(ensure(store) for _ in range(5)))

    assert (len(await admins(store)), len(await keys(store))) == (1, 1)


async def test_another_key_ends_the_last(store: Database) -> None:
    await ensure(store)
    (first,) = await keys(store)

    await ensure(store, SECOND)

    assert [(row.last4, row.revoked_at) for row in await keys(store)] == [("aaaa", NOW), ("bbbb", None)]
    async with store.begin() as session:
        assert [row.name for row in await denials(session, NOW)] == [key_name(first.key_id)]
    assert len(await admins(store)) == 1


async def test_a_revoked_key_stays_so(store: Database) -> None:
    await ensure(store)
    async with store.begin() as session:
        (row,) = await session.exec(select(ApiKeyRow))
        row.revoked_at = NOW

    said = await ensure(store)

    assert "was revoked: give another" in said
    assert [row.revoked_at for row in await keys(store)] == [NOW]


async def test_a_role_that_was_taken_away_comes_back_with_another_key_only(store: Database) -> None:
    await ensure(store)
    async with store.begin() as session:
        (admin,) = await users_with(session, Role.ADMIN)
        admin.roles = ["user"]

    await ensure(store)
    assert await admins(store) == []

    await ensure(store, SECOND)
    assert len(await admins(store)) == 1


async def test_who_is_called_admin_is_not_made_one(store: Database) -> None:
    other = new_guest(NOW)
    other.username = "admin"
    async with store.begin() as session:
        await add_user(session, other)

    await ensure(store)

    (admin,) = await admins(store)
    assert admin.user_id != other.user_id
    assert admin.username == f"admin-{admin.user_id.lower()}"


async def test_another_users_key_makes_nobody_an_admin(store: Database) -> None:
    await ensure(store)
    other = new_guest(NOW)
    async with store.begin() as session:
        await add_user(session, other)
        (row,) = await session.exec(select(ApiKeyRow))
        row.user_id = other.user_id

    assert "another user's key" in await ensure(store)


@pytest.mark.parametrize(
    "value", ["", "sk_live_abc", f"sk_live_{'g' * 48}", f"sk_test_{'a' * 48}", FIRST + "\n"]
)
def test_what_is_no_key_is_told_without_repeating_it(value: str) -> None:
    with pytest.raises(UnfitKey) as refusal:
        key(value)

    assert not value or value not in str(refusal.value)


def test_a_key_is_not_shown() -> None:
    assert keyed_hash("s3cret", FIRST) not in repr(key())
