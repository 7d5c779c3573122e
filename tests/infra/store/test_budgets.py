"""Budgets changed as admins and operators do it."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import select

from contracts.ids import new_ulid
from infra.database import Database
from infra.store.api_keys import ApiKeyRow
from infra.store.audit import OPERATOR, AuditRow
from infra.store.budgets import Period, Unit, UnknownKey, Wanted, budgets_of, change_budget
from infra.store.users import User, add_user, new_guest

pytestmark = pytest.mark.stack

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAILY = Wanted(None, Unit.TOKENS, Period.DAY)


@pytest.fixture
async def user(store: Database) -> User:
    guest = new_guest(NOW)
    async with store.begin() as session:
        await add_user(session, guest)
    return guest


async def key_of(store: Database, user: User) -> str:
    row = ApiKeyRow(
        key_id=new_ulid(),
        user_id=user.user_id,
        name="mine",
        key_hash=new_ulid(),
        prefix="sk_live",
        last4="abcd",
        created_at=NOW,
        expires_at=NOW + timedelta(days=1),
    )
    async with store.begin() as session:
        session.add(row)
    return row.key_id


async def change(store: Database, user_id: str, wanted: Wanted, amount: int | None) -> bool:
    async with store.begin() as session:
        _, is_changed = await change_budget(session, user_id, wanted, amount, OPERATOR, NOW)
        return is_changed


async def test_a_change_is_noted_once_and_the_same_again_is_none(store: Database, user: User) -> None:
    key_id = await key_of(store, user)
    wanted = [
        (DAILY, 5), (DAILY, 5), (DAILY, 0), (Wanted(key_id, Unit.MICRO_USD, Period.TOTAL), 7),
        (DAILY, None), (DAILY, None),
    ]  # fmt: skip

    changed = [await change(store, user.user_id, one, amount) for one, amount in wanted]

    assert changed == [True, False, True, True, True, False]
    async with store.begin() as session:
        rows = sorted(await session.exec(select(AuditRow)), key=lambda row: row.audit_id)
        left = await budgets_of(session, user.tenant)
    assert [(row.action, row.changes) for row in rows] == [
        ("user.set_budget", {"budgets.tokens.day": [None, 5]}),
        ("user.set_budget", {"budgets.tokens.day": [5, 0]}),
        ("user.set_budget", {f"budgets.{key_id}.micro_usd.total": [None, 7]}),
        ("user.remove_budget", {"budgets.tokens.day": [0, None]}),
    ]
    assert [(row.key_id, row.amount) for row in left] == [(key_id, 7)]


async def test_two_who_set_the_same_budget_at_once_leave_one(store: Database, user: User) -> None:
    async with asyncio.timeout(20):
        await asyncio.gather(*(change(store, user.user_id, DAILY, amount) for amount in (1, 2, 3, 4)))

    async with store.begin() as session:
        assert len(await budgets_of(session, user.tenant)) == 1


async def test_anothers_key_and_nobodys_budget_are_refused(store: Database, user: User) -> None:
    other = new_guest(NOW)
    async with store.begin() as session:
        await add_user(session, other)
    theirs = await key_of(store, other)

    for key_id in (theirs, new_ulid()):
        with pytest.raises(UnknownKey):
            await change(store, user.user_id, Wanted(key_id, Unit.TOKENS, Period.DAY), 1)
    async with store.begin() as session:
        assert await change_budget(session, new_ulid(), DAILY, 1, OPERATOR, NOW) == (None, False)
