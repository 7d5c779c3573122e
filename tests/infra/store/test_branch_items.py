"""What lies on branches: counted, found where they fork, deleted with them."""

import pytest

from infra.database import Database
from infra.store.branch_items import branch_sizes, delete_branch, fork_items
from infra.store.branches import branch_at, branches_of, has_branch, segments
from infra.store.conversations import MAIN
from infra.store.items import delete_item, item_at
from tests.infra.store.conversing import TENANT, begun, forked, said, texts, whole

pytestmark = pytest.mark.stack


async def grown(store: Database) -> str:
    """MAIN 1 2 3 6, b: 1 2 4 5, c (of b): 1 2 4 7, d (of c): 1, e: nothing."""
    one = await begun(store)
    await said(store, one, ["1", "2", "3"])
    await forked(store, one, "b", MAIN, after=2)
    await said(store, one, ["4", "5"], "b")
    await said(store, one, ["6"])
    await forked(store, one, "c", "b", after=4)
    await said(store, one, ["7"], "c")
    await forked(store, one, "d", "c", after=1)
    await forked(store, one, "e", MAIN, after=0)
    return one


async def sizes(store: Database, one: str) -> dict[str, int]:
    async with store.begin() as session:
        return await branch_sizes(session, one, await branches_of(session, one))


async def test_a_branch_counts_what_it_shares_as_its_list_does(store: Database) -> None:
    one = await grown(store)

    counted = await sizes(store, one)

    assert counted == {MAIN: 4, "b": 4, "c": 4, "d": 1, "e": 0}
    for name, many in counted.items():
        assert len(await whole(store, one, 3, branch=name)) == many
    assert await sizes(store, await begun(store)) == {MAIN: 0}


async def test_a_deleted_item_is_counted_nowhere_and_forks_nothing(store: Database) -> None:
    one = await grown(store)
    shared = (await whole(store, one, 9))[1]
    async with store.begin() as session:
        item = await item_at(session, TENANT, one, shared.item_id)
        assert item is not None
        await delete_item(session, item)

    async with store.begin() as session:
        forks = await fork_items(session, one, await branches_of(session, one))

    assert await sizes(store, one) == {MAIN: 3, "b": 3, "c": 3, "d": 1, "e": 0}
    assert sorted(forks) == [1, 4]


async def test_a_deleted_branch_takes_its_own_items_along(store: Database) -> None:
    one = await grown(store)
    async with store.begin() as session:
        branch = await branch_at(session, one, "d")
        assert branch is not None
        await delete_branch(session, branch)
        other = await branch_at(session, one, "c")
        assert other is not None
        await delete_branch(session, other)

    assert await sizes(store, one) == {MAIN: 4, "b": 4, "e": 0}
    assert texts(await whole(store, one, 9, branch="b")) == ["1", "2", "4", "5"]


async def test_the_parts_of_a_branch_end_where_the_next_begins(store: Database) -> None:
    one = await grown(store)

    async with store.begin() as session:
        assert await segments(session, one, "c", 9) == [("c", 9), ("b", 4), (MAIN, 2)]
        assert await segments(session, one, "d", 9) == [("d", 9), ("c", 1), ("b", 1), (MAIN, 1)]
        assert await segments(session, one, MAIN, 9) == [(MAIN, 9)]
        assert [await has_branch(session, one, name) for name in (MAIN, "b", "q")] == [True, True, False]
