"""What is taken from a user is denied, what is given is not."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from contracts.envelope import Role
from infra.database import Database
from infra.identity.known import Denials, user_name
from infra.notices import open_notices
from infra.relay.redis import open_redis
from infra.settings import IdentitySettings, RedisSettings
from infra.store.revoking import Revocations
from infra.store.standing import deactivate, grant, reactivate, withdraw
from infra.store.users import User, add_user, new_guest, user_of

pytestmark = pytest.mark.stack

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.fixture
def denied() -> Denials:
    return Denials()


@pytest.fixture
async def revocations(store: Database, valkey: RedisSettings, denied: Denials) -> AsyncIterator[Revocations]:
    async with open_redis(valkey) as redis, open_notices(redis) as notices:
        yield Revocations(store, notices, IdentitySettings(), denied, clock=NOW.timestamp)


@pytest.fixture
async def user(store: Database) -> User:
    guest = new_guest(NOW)
    async with store.begin() as session:
        await add_user(session, guest)
    return guest


async def read(store: Database, user: User) -> User:
    async with store.begin() as session:
        found = await user_of(session, user.user_id)
    assert found is not None
    return found


def is_denied(denied: Denials, user: User, version: int) -> bool:
    return denied.is_denied([user_name(user.user_id, version)], NOW.timestamp() + 300)


async def test_a_role_given_denies_nothing_and_is_had_once(
    store: Database, revocations: Revocations, user: User, denied: Denials
) -> None:
    for _ in range(2):
        async with revocations.begin() as work:
            await grant(work, user.user_id, Role.ADMIN)

    now = await read(store, user)
    assert (now.roles, now.version, len(denied)) == (["guest", "admin"], 1, 0)


async def test_a_role_taken_away_denies_the_last_version_once(
    store: Database, revocations: Revocations, user: User, denied: Denials
) -> None:
    async with revocations.begin() as work:
        await grant(work, user.user_id, Role.ADMIN)
    for _ in range(2):
        async with revocations.begin() as work:
            await withdraw(work, user.user_id, Role.ADMIN)

    now = await read(store, user)
    assert (now.roles, now.version) == (["guest"], 2)
    assert is_denied(denied, user, 1)
    assert not is_denied(denied, user, 2)


async def test_a_deactivated_user_comes_back_as_another_version(
    store: Database, revocations: Revocations, user: User, denied: Denials
) -> None:
    async with revocations.begin() as work:
        await deactivate(work, user.user_id)
    assert (await read(store, user)).deactivated_at == NOW
    assert is_denied(denied, user, 1)

    async with revocations.begin() as work:
        await reactivate(work, user.user_id)

    now = await read(store, user)
    assert (now.deactivated_at, now.version) == (None, 2)
    assert not is_denied(denied, user, 2)


@pytest.mark.parametrize("change", [deactivate, reactivate])
async def test_who_is_not_there_is_none(revocations: Revocations, change: object) -> None:
    async with revocations.begin() as work:
        assert callable(change)
        assert await change(work, "01NOBODY") is None
        assert await grant(work, "01NOBODY", Role.ADMIN) is None
        assert await withdraw(work, "01NOBODY", Role.ADMIN) is None
