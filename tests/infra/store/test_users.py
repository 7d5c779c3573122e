"""Users and their refresh tokens."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from contracts.envelope import Role
from infra.database import Database
from infra.identity.opaque import keyed_hash
from infra.store.refresh_tokens import RefreshToken, add_refresh_token, refresh_token_of
from infra.store.users import (
    User,
    UserFilter,
    UsernameTaken,
    add_user,
    is_reserved,
    locked_user,
    new_guest,
    rename,
    user_of,
    users_called,
    users_claiming,
    users_page,
    users_with,
)

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


async def test_a_name_is_given_once(store: Database) -> None:
    first, second = new_guest(NOW), new_guest(NOW)
    async with store.begin() as session:
        await add_user(session, first)
        await add_user(session, second)

    await call(store, first, "ada")
    with pytest.raises(UsernameTaken):
        await call(store, second, "ada")


async def test_users_are_found_by_what_is_proven(store: Database) -> None:
    ada, eve = new_guest(NOW), new_guest(NOW)
    ada.username, ada.email, ada.email_verified = "ada", "Ada@example.com", True
    eve.email = "ada@example.com"
    async with store.begin() as session:
        await add_user(session, ada)
        await add_user(session, eve)

    async with store.begin() as session:
        for name in (ada.user_id, "ada", "ada@example.com"):
            assert [user.user_id for user in await users_called(session, name)] == [ada.user_id]
        assert [user.user_id for user in await users_claiming(session, "ADA@example.com")] == [eve.user_id]
        assert await users_called(session, "Ada") == []


async def test_users_are_found_by_role(store: Database) -> None:
    ada, bob = new_guest(NOW), new_guest(NOW)
    ada.roles = ["user", "admin"]
    async with store.begin() as session:
        await add_user(session, ada)
        await add_user(session, bob)

    async with store.begin() as session:
        assert [user.user_id for user in await users_with(session, Role.ADMIN)] == [ada.user_id]


@pytest.mark.parametrize(("name", "expected"), [("Admin2", True), ("guest-1", True), ("ada", False)])
def test_some_names_are_the_products_own(name: str, *, expected: bool) -> None:
    assert is_reserved(name) is expected


async def call(store: Database, user: User, name: str) -> None:
    async with store.begin() as session:
        found = await locked_user(session, user.user_id)
        assert found is not None
        await rename(session, found, name)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (UserFilter(), "ada bob eve"),
        (UserFilter(search="B"), "bob eve"),
        (UserFilter(search="LOVE"), "ada"),
        (UserFilter(search="%"), ""),
        (UserFilter(search="_"), "bob"),
        (UserFilter(role=Role.ADMIN), "ada"),
        (UserFilter(tiers=["pro"]), "ada"),
        (UserFilter(tiers=["free", None]), "bob eve"),
        (UserFilter(tiers=[]), ""),
        (UserFilter(is_guest=True), "eve"),
        (UserFilter(is_guest=False, is_active=True), "ada"),
        (UserFilter(is_active=False), "bob"),
        (UserFilter(search="b", is_active=True), "eve"),
    ],
)
async def test_users_are_found_by_what_is_known_of_them(
    store: Database, wanted: UserFilter, found: str
) -> None:
    people: dict[str, dict[str, Any]] = {  # columns
        "ada": {"roles": ["user", "admin"], "name": "Ada Lovelace", "tier": "pro", "is_guest": False},
        "bob": {"name": "a_b", "is_guest": False, "deactivated_at": NOW, "roles": ["user"]},
        "eve": {"email": "eve@EXAMPLE.bB"},
    }
    async with store.begin() as session:
        for username, about in people.items():
            user = new_guest(NOW)
            user.sqlmodel_update({"username": username, **about})
            await add_user(session, user)

    async with store.begin() as session:
        rows, has_more = await users_page(session, wanted, limit=10, after=None, order="asc")

    assert sorted(user.username for user in rows) == found.split()
    assert not has_more
