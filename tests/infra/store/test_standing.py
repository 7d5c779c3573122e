"""What is taken from a user is denied, what is given is not."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from sqlmodel import col, select

from contracts.envelope import Role
from infra.database import Database
from infra.identity.known import Denials, user_name
from infra.notices import open_notices
from infra.relay.redis import open_redis
from infra.settings import IdentitySettings, RedisSettings
from infra.store.audit import OPERATOR, Actor, AuditRow
from infra.store.revoking import Revocations
from infra.store.standing import LastAdmin, deactivate, grant, reactivate, withdraw
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
            await grant(work, user.user_id, Role.ADMIN, OPERATOR)

    now = await read(store, user)
    assert (now.roles, now.version, len(denied)) == (["guest", "admin"], 1, 0)


async def test_a_role_taken_away_denies_the_last_version_once(
    store: Database, revocations: Revocations, user: User, denied: Denials
) -> None:
    async with revocations.begin() as work:
        await grant(work, user.user_id, Role.ADMIN, OPERATOR)
    for _ in range(2):
        async with revocations.begin() as work:
            await withdraw(work, user.user_id, Role.ADMIN, OPERATOR)

    now = await read(store, user)
    assert (now.roles, now.version) == (["guest"], 2)
    assert is_denied(denied, user, 1)
    assert not is_denied(denied, user, 2)


async def test_a_deactivated_user_comes_back_as_another_version(
    store: Database, revocations: Revocations, user: User, denied: Denials
) -> None:
    async with revocations.begin() as work:
        await deactivate(work, user.user_id, OPERATOR)
    assert (await read(store, user)).deactivated_at == NOW
    assert is_denied(denied, user, 1)

    async with revocations.begin() as work:
        await reactivate(work, user.user_id, OPERATOR)

    now = await read(store, user)
    assert (now.deactivated_at, now.version) == (None, 2)
    assert not is_denied(denied, user, 2)


@pytest.mark.parametrize("change", [deactivate, reactivate])
async def test_who_is_not_there_is_none(revocations: Revocations, change: object) -> None:
    async with revocations.begin() as work:
        assert callable(change)
        assert await change(work, "01NOBODY", OPERATOR) is None
        assert await grant(work, "01NOBODY", Role.ADMIN, OPERATOR) is None
        assert await withdraw(work, "01NOBODY", Role.ADMIN, OPERATOR) is None


async def admins(store: Database, count: int) -> list[User]:
    """New ones, and no others."""
    made = [new_guest(NOW) for _ in range(count)]
    async with store.begin() as session:
        for user in made:
            user.roles = [Role.USER.value, Role.ADMIN.value]
            await add_user(session, user)
    return made


async def test_the_last_active_admin_can_be_spared(store: Database, revocations: Revocations) -> None:
    one, other = await admins(store, 2)
    async with revocations.begin() as work:
        await deactivate(work, one.user_id, OPERATOR, spare_last=True)

    with pytest.raises(LastAdmin):
        async with revocations.begin() as work:
            await withdraw(work, other.user_id, Role.ADMIN, OPERATOR, spare_last=True)
    with pytest.raises(LastAdmin):
        async with revocations.begin() as work:
            await deactivate(work, other.user_id, OPERATOR, spare_last=True)
    async with revocations.begin() as work:
        await withdraw(work, one.user_id, Role.ADMIN, OPERATOR, spare_last=True)

    assert (await read(store, other)).deactivated_at is None
    assert (await read(store, one)).roles == ["user"]


async def test_an_operator_may_take_the_last_one_too(store: Database, revocations: Revocations) -> None:
    (last,) = await admins(store, 1)

    async with revocations.begin() as work:
        await withdraw(work, last.user_id, Role.ADMIN, OPERATOR)

    assert (await read(store, last)).roles == ["user"]


async def test_of_admins_who_end_each_other_at_once_one_is_left(
    store: Database, revocations: Revocations
) -> None:
    made = await admins(store, 4)

    async def end(at: int) -> bool:
        try:
            async with revocations.begin() as work:
                if at % 2:
                    await deactivate(work, made[at].user_id, OPERATOR, spare_last=True)
                else:
                    await withdraw(work, made[at].user_id, Role.ADMIN, OPERATOR, spare_last=True)
        except LastAdmin:
            return False
        return True

    async with asyncio.timeout(20):
        done = await asyncio.gather(*(end(at) for at in range(4)))

    now = [await read(store, user) for user in made]
    left = [user for user in now if Role.ADMIN.value in user.roles and user.deactivated_at is None]
    assert (sum(done), len(left)) == (3, 1)


async def test_each_change_is_in_the_audit_log_once(
    store: Database, revocations: Revocations, user: User
) -> None:
    by = Actor("01ADMIN", "req-1")
    for _ in range(2):
        async with revocations.begin() as work:
            await grant(work, user.user_id, Role.USER, by)
    for _ in range(2):
        async with revocations.begin() as work:
            await deactivate(work, user.user_id, by)
    async with revocations.begin() as work:
        await withdraw(work, user.user_id, Role.USER, by)
        await reactivate(work, user.user_id, OPERATOR)

    async with store.begin() as session:
        rows = list(await session.exec(select(AuditRow).order_by(col(AuditRow.audit_id))))
    assert sorted((row.action, row.actor_id, row.request_id) for row in rows) == [
        ("user.activate", None, None),
        ("user.deactivate", "01ADMIN", "req-1"),
        ("user.grant_role", "01ADMIN", "req-1"),
        ("user.revoke_role", "01ADMIN", "req-1"),
    ]
    assert {(row.target_type, row.target_id) for row in rows} == {("user", user.user_id)}
    assert rows[0].changes == {"roles": [["guest"], ["guest", "user"]]}
