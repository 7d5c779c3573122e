"""Conversations of tenants: listed, of projects, deleted with all that they hold."""

import asyncio
from datetime import datetime

import pytest
from sqlmodel import col, func, select

from contracts.errors import ApiError
from contracts.ids import PROJECT, new_id
from infra.database import Database
from infra.store.branches import BranchRow
from infra.store.conversations import (
    MAIN,
    ConversationRow,
    Wanted,
    conversation_at,
    conversations_of,
    delete_conversations,
    delete_some_conversations,
    hold_project,
)
from infra.store.gone_items import GoneItemRow
from infra.store.items import ItemRow, delete_item
from infra.store.projects import ProjectRow
from infra.store.table import Table
from tests.infra.store.conversing import NOW, TENANT, begun, forked, said

pytestmark = pytest.mark.stack


async def project(store: Database, tenant: str = TENANT, deleted_at: datetime | None = None) -> str:
    row = ProjectRow(
        project_id=new_id(PROJECT),
        tenant=tenant,
        user_id="u",
        name=new_id(PROJECT),
        deleted_at=deleted_at,
        created_at=NOW,
        updated_at=NOW,
    )
    async with store.begin() as session:
        session.add(row)
    return row.project_id


async def put_into(store: Database, conversation_id: str, project_id: str) -> None:
    async with store.begin() as session:
        row = await conversation_at(session, TENANT, conversation_id, is_locked=True)
        assert row is not None
        row.project_id = project_id
        session.add(row)


async def listed(store: Database, wanted: Wanted, limit: int = 9, after: str | None = None) -> list[str]:
    async with store.begin() as session:
        rows, _ = await conversations_of(session, wanted, limit=limit, after=after, order="desc")
    return [row.conversation_id for row in rows]


async def count(store: Database, table: type[Table]) -> int:
    async with store.begin() as session:
        return (await session.exec(select(func.count()).select_from(table))).one()


async def test_a_list_is_a_tenants_own_the_newest_first(store: Database) -> None:
    mine = [await begun(store) for _ in range(3)]
    foreign = await begun(store, "theirs")

    assert await listed(store, Wanted(TENANT)) == mine[::-1]
    assert await listed(store, Wanted(TENANT), 1, mine[2]) == [mine[1]]
    with pytest.raises(ApiError):
        await listed(store, Wanted(TENANT), 1, foreign)


async def test_a_list_is_of_a_project_or_a_referrer(store: Database) -> None:
    here = await project(store)
    inside, also, outside = [await begun(store, referrer=name) for name in ("a", "b", "a")]
    for one in (inside, also):
        await put_into(store, one, here)

    assert await listed(store, Wanted(TENANT, project_id=here)) == [also, inside]
    assert await listed(store, Wanted(TENANT, referrer="a")) == [outside, inside]
    assert await listed(store, Wanted(TENANT, here, "a")) == [inside]
    assert await listed(store, Wanted("theirs", here)) == []


async def test_a_project_is_held_where_it_is_the_tenants_and_lives(store: Database) -> None:
    mine, foreign, dead = [
        await project(store),
        await project(store, "theirs"),
        await project(store, deleted_at=NOW),
    ]

    async with store.begin() as session:
        held = [await hold_project(session, TENANT, one) for one in (mine, foreign, dead, "nope")]

    assert held == [True, False, False, False]


async def test_another_tenants_conversation_is_not_there(store: Database) -> None:
    foreign = await begun(store, "theirs")

    async with store.begin() as session:
        assert await conversation_at(session, TENANT, foreign) is None
        assert await delete_conversations(session, TENANT, [foreign]) == set()
        assert await conversation_at(session, "theirs", foreign) is not None


async def test_a_conversation_is_deleted_with_all_that_it_holds(store: Database) -> None:
    one, kept = await begun(store), await begun(store)
    (item, _) = await said(store, one, ["a", "b"])
    await said(store, kept, ["c"])
    await forked(store, one, "x", MAIN, after=1)
    async with store.begin() as session:
        await delete_item(session, item)

    async with store.begin() as session:
        assert await delete_conversations(session, TENANT, [one, "nope"]) == {one}

    left = [await count(store, table) for table in (ConversationRow, ItemRow, BranchRow, GoneItemRow)]
    assert left == [1, 1, 0, 0]


async def test_some_are_deleted_at_a_time_until_none_is_left(store: Database) -> None:
    for _ in range(3):
        await begun(store)
    await begun(store, "theirs")

    counts = []
    for _ in range(3):
        async with store.begin() as session:
            counts.append(await delete_some_conversations(session, TENANT, 2))

    assert counts == [2, 1, 0]
    assert await count(store, ConversationRow) == 1


async def test_two_who_delete_the_same_at_once_delete_each_once(store: Database) -> None:
    ids = [await begun(store) for _ in range(20)]

    async def delete(order: list[str]) -> set[str]:
        async with store.begin() as session:
            return await delete_conversations(session, TENANT, order)

    first, second = await asyncio.gather(delete(ids), delete(ids[::-1]))

    assert first | second == set(ids)
    assert not first & second


async def test_a_conversation_outlives_its_project(store: Database) -> None:
    here = await project(store)
    one = await begun(store)
    await put_into(store, one, here)

    async with store.begin() as session:
        gone = (await session.exec(select(ProjectRow).where(col(ProjectRow.project_id) == here))).one()
        await session.delete(gone)

    async with store.begin() as session:
        row = await conversation_at(session, TENANT, one)
    assert row is not None
    assert row.project_id is None
