"""Items in their order: appended, listed page by page while others write, along branches."""

import asyncio
from itertools import pairwise

import pytest

from contracts.errors import ApiError
from contracts.wire.items import stored
from infra.database import Database
from infra.store.conversations import MAIN, conversation_at
from infra.store.items import ItemRow, append_items, delete_item, item_at, item_by_call
from infra.store.keyset import Order
from tests.infra.store.conversing import NOW, TENANT, begun, forked, part, said, texts, whole

pytestmark = pytest.mark.stack

ORDERS: tuple[Order, ...] = ("asc", "desc")


async def deleted(store: Database, conversation_id: str, item_id: str) -> None:
    async with store.begin() as session:
        item = await item_at(session, TENANT, conversation_id, item_id, is_locked=True)
        assert item is not None
        await delete_item(session, item)


async def test_pages_are_the_whole_list_in_either_order(store: Database) -> None:
    one = await begun(store)
    await said(store, one, list("abcde"))

    for limit in (1, 2, 5, 9):
        assert texts(await whole(store, one, limit)) == list("abcde")
        assert texts(await whole(store, one, limit, "desc")) == list("edcba")
    assert await part(store, await begun(store), 5) == ([], False)


async def test_a_page_that_ends_with_the_list_has_nothing_behind(store: Database) -> None:
    one = await begun(store)
    rows = await said(store, one, list("ab"))

    assert (await part(store, one, 2))[1] is False
    assert await part(store, one, 2, rows[-1].item_id) == ([], False)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("limit", [1, 2, 3, 10])
async def test_a_branch_is_its_own_items_behind_those_it_shares(
    store: Database, limit: int, order: Order
) -> None:
    one = await begun(store)
    await said(store, one, ["1", "2", "3", "4"])
    await forked(store, one, "b", MAIN, after=2)
    await said(store, one, ["5b", "6b"], "b")
    await said(store, one, ["7"])
    await forked(store, one, "c", "b", after=5)
    await said(store, one, ["8c"], "c")
    await forked(store, one, "d", "c", after=1)
    await forked(store, one, "e", MAIN, after=0)

    expected = {MAIN: "1 2 3 4 7", "b": "1 2 5b 6b", "c": "1 2 5b 8c", "d": "1", "e": ""}
    for branch, line in expected.items():
        found = texts(await whole(store, one, limit, order, branch))
        assert (found if order == "asc" else found[::-1]) == line.split(), branch


async def test_an_item_that_the_branch_has_not_is_no_place_in_it(store: Database) -> None:
    one = await begun(store)
    rows = await said(store, one, ["1", "2"])
    await forked(store, one, "b", MAIN, after=1)
    (theirs,) = await said(store, one, ["3b"], "b")
    (elsewhere,) = await said(store, await begun(store), ["1"])
    (foreign,) = await said(store, await begun(store, "theirs"), ["1"], tenant="theirs")

    for branch, after in [(MAIN, theirs), ("b", rows[1]), (MAIN, elsewhere), (MAIN, foreign)]:
        with pytest.raises(ApiError) as refusal:
            await part(store, one, 5, after.item_id, "asc", branch)
        assert (refusal.value.detail.status, refusal.value.detail.param) == (400, "after")
    with pytest.raises(ApiError):
        await part(store, one, 5, "msg_unknown")


@pytest.mark.parametrize("order", ORDERS)
async def test_a_list_goes_on_behind_an_item_that_was_deleted_meanwhile(
    store: Database, order: Order
) -> None:
    one = await begun(store)
    await said(store, one, list("abcde"))
    first, _ = await part(store, one, 2, None, order)
    await deleted(store, one, first[-1].item_id)

    rest, has_more = await part(store, one, 9, first[-1].item_id, order)

    assert texts(rest) == (list("cde") if order == "asc" else list("cba"))
    assert not has_more


async def test_a_place_is_never_given_again(store: Database) -> None:
    one = await begun(store)
    rows = await said(store, one, list("ab"))
    for row in rows:
        await deleted(store, one, row.item_id)

    (new,) = await said(store, one, ["c"])

    assert new.seq == 3


async def test_appenders_at_once_take_places_one_after_the_other(store: Database) -> None:
    one = await begun(store)
    await forked(store, one, "b", MAIN, after=0)

    branches = [MAIN, "b"] * 6
    added = await asyncio.gather(*(said(store, one, ["x", "y", "z"], branch) for branch in branches))

    assert sorted(row.seq for rows in added for row in rows) == list(range(1, 37))
    assert all([row.seq - rows[0].seq for row in rows] == [0, 1, 2] for rows in added)


async def test_an_append_that_fails_takes_no_place(store: Database) -> None:
    one = await begun(store)

    async def fail() -> None:
        async with store.begin() as session:
            row = await conversation_at(session, TENANT, one, is_locked=True)
            assert row is not None
            await append_items(session, row, MAIN, [stored({"role": "user", "content": "a"})], NOW)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()

    assert [row.seq for row in await said(store, one, ["b"])] == [1]


@pytest.mark.parametrize("order", ORDERS)
async def test_pages_stay_exact_while_others_append_and_delete(store: Database, order: Order) -> None:
    """Who reads page by page sees each item that was there all the time once, and none twice."""
    one = await begun(store)
    rows = await said(store, one, [str(at) for at in range(200)])
    doomed = [row.item_id for row in rows[::3]]
    lasting = [row.item_id for at, row in enumerate(rows) if at % 3]
    is_read = asyncio.Event()

    async def write() -> int:
        many = 0
        while not is_read.is_set():
            await said(store, one, ["new", "newer"])
            if doomed:
                await deleted(store, one, doomed.pop(len(doomed) // 2))
            many += 2
        return many

    writers = [asyncio.create_task(write()) for _ in range(2)]
    found = await paced(store, one, order)
    is_read.set()
    written = sum(await asyncio.gather(*writers))

    seen = [row.item_id for row in found]
    seqs = [row.seq for row in found]
    assert written > 0
    assert len(set(seen)) == len(seen)
    assert all(a < b for a, b in pairwise(seqs if order == "asc" else seqs[::-1]))
    known = set(lasting)
    in_order = [item_id for item_id in seen if item_id in known]
    assert in_order == (lasting if order == "asc" else lasting[::-1])


async def paced(store: Database, conversation_id: str, order: Order) -> list[ItemRow]:
    """The pages up to the last item that was there at first, by an end that others push away."""
    found, has_more = await part(store, conversation_id, 7, None, order)
    while has_more and (order == "desc" or found[-1].seq <= 200):
        more, has_more = await part(store, conversation_id, 7, found[-1].item_id, order)
        found += more
    return found


async def test_a_call_is_found_before_its_output_and_the_newest_of_several(store: Database) -> None:
    one = await begun(store)
    call = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "1"}
    output = {"type": "function_call_output", "call_id": "c1", "output": "2"}
    lone = {"type": "function_call_output", "call_id": "c2", "output": "3"}
    items = [stored(item) for item in (call, {**call, "arguments": "4"}, output, lone)]
    async with store.begin() as session:
        row = await conversation_at(session, TENANT, one, is_locked=True)
        assert row is not None
        await append_items(session, row, MAIN, items, NOW)

    async with store.begin() as session:
        found = await item_by_call(session, TENANT, one, "c1")
        alone = await item_by_call(session, TENANT, one, "c2")
        foreign = await item_by_call(session, "theirs", one, "c1")
        typed = await item_by_call(session, TENANT, one, "c1", item_type="mcp_call")

    assert found is not None
    assert found.data["arguments"] == "4"
    assert alone is not None
    assert alone.type == "function_call_output"
    assert (foreign, typed) == (None, None)
