"""API keys in the database."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from contracts.ids import new_ulid
from infra.database import Database
from infra.identity.opaque import keyed_hash
from infra.store.api_keys import (
    ApiKeyRow,
    active_keys,
    add_api_key,
    keys_of,
    known_key,
    note_uses,
    revoke_api_key,
)
from infra.store.users import User, add_user, new_guest

pytestmark = pytest.mark.stack

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.fixture
async def user(store: Database) -> User:
    guest = new_guest(NOW)
    async with store.begin() as session:
        await add_user(session, guest)
    return guest


async def added(
    store: Database, user: User, *, ends: timedelta = timedelta(days=1), revoked: bool = False
) -> ApiKeyRow:
    row = ApiKeyRow(
        key_id=new_ulid(),
        user_id=user.user_id,
        name="ci",
        key_hash=keyed_hash("secret", new_ulid()),
        prefix="sk_live",
        last4="9f3c",
        created_at=NOW,
        expires_at=NOW + ends,
        revoked_at=NOW if revoked else None,
    )
    async with store.begin() as session:
        await add_api_key(session, row)
    return row


async def read(store: Database, row: ApiKeyRow) -> ApiKeyRow:
    async with store.begin() as session:
        found = await session.get(ApiKeyRow, row.key_id)
    assert found is not None
    return found


async def test_key_is_found_by_its_hash_with_its_user(store: Database, user: User) -> None:
    row = await added(store, user)

    async with store.begin() as session:
        found = await known_key(session, row.key_hash)
        unknown = await known_key(session, keyed_hash("secret", "other"))

    assert found is not None
    assert (found[0].key_id, found[1].user_id) == (row.key_id, user.user_id)
    assert unknown is None


async def test_only_good_keys_count_as_active(store: Database, user: User) -> None:
    await added(store, user)
    await added(store, user, revoked=True)
    await added(store, user, ends=timedelta(0))

    async with store.begin() as session:
        assert await active_keys(session, user.user_id, NOW) == 1


async def test_list_holds_the_users_own_keys_newest_first(store: Database, user: User) -> None:
    rows = [await added(store, user) for _ in range(3)]
    other = new_guest(NOW)
    async with store.begin() as session:
        await add_user(session, other)
    await added(store, other)

    async with store.begin() as session:
        first, has_more = await keys_of(session, user.user_id, limit=2, after=None, order="desc")
        rest, is_not_all = await keys_of(session, user.user_id, limit=2, after=first[-1].key_id, order="desc")

    assert [row.key_id for row in [*first, *rest]] == [row.key_id for row in reversed(rows)]
    assert (has_more, is_not_all) == (True, False)


async def test_key_is_revoked_once_and_by_its_user_alone(store: Database, user: User) -> None:
    row = await added(store, user)
    async with store.begin() as session:
        assert not await revoke_api_key(session, new_ulid(), row.key_id, NOW)
        assert await revoke_api_key(session, user.user_id, row.key_id, NOW)

    async with store.begin() as session:
        assert await revoke_api_key(session, user.user_id, row.key_id, NOW + timedelta(days=1))

    assert (await read(store, row)).revoked_at == NOW


async def test_use_is_noted_and_never_set_back(store: Database, user: User) -> None:
    row = await added(store, user)
    for moment in (NOW, NOW - timedelta(hours=1)):
        async with store.begin() as session:
            await note_uses(session, [row.key_id, new_ulid()], moment)

    assert (await read(store, row)).last_used_at == NOW


async def test_note_passes_over_a_row_that_another_holds(store: Database, user: User) -> None:
    held, free = await added(store, user), await added(store, user)

    async with store.begin() as holding:
        await revoke_api_key(holding, user.user_id, held.key_id, NOW)
        async with store.begin() as session:
            await note_uses(session, [held.key_id, free.key_id], NOW)

    assert (await read(store, held)).last_used_at is None
    assert (await read(store, free)).last_used_at == NOW


async def test_keys_go_with_their_user(store: Database, user: User) -> None:
    row = await added(store, user)

    async with store.begin() as session:
        await (await session.connection()).execute(text("DELETE FROM users"))

    async with store.begin() as session:
        assert await known_key(session, row.key_hash) is None


async def test_row_shows_no_hash(store: Database, user: User) -> None:
    row = await added(store, user)

    assert row.key_hash not in repr(row)
