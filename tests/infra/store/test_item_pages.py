"""A page of 100,000 items costs what one of 100 does: the plan, and what it reads."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import text

from infra.database import Database
from infra.store.branches import NEWEST
from infra.store.conversations import MAIN, conversation_at
from infra.store.items import page_statement
from infra.store.keyset import Order
from tests.infra.store.conversing import TENANT, begun, forked, part

pytestmark = pytest.mark.stack

Plan = dict[str, Any]  # EXPLAIN's JSON
MANY, FEW, LIMIT = 100_000, 100, 20
INDEX = "uq_conversation_items_conversation_id_branch_seq"
BLOCKS = 16
"""Of 8 KiB, that a page may read: the way down the index, and the rows, which lie next to each other."""
FILL = """
INSERT INTO conversation_items
    (item_id, conversation_id, tenant, branch, seq, type, role, status, data, attempt, created_at)
SELECT 'msg_' || :one || lpad(n::text, 8, '0'), :one, :tenant, 'MAIN', n, 'message', 'user', 'completed',
    jsonb_build_object('content', jsonb_build_array(
        jsonb_build_object('type', 'input_text', 'text', 'message ' || n))), 0, now()
FROM generate_series(1, :many) AS n
"""


async def filled(store: Database, many: int) -> str:
    one = await begun(store)
    async with store.begin() as session:
        connection = await session.connection()
        await connection.execute(text(FILL), {"one": one, "many": many, "tenant": TENANT})
        last = text("UPDATE conversations SET last_seq = :many WHERE conversation_id = :one")
        await connection.execute(last, {"one": one, "many": many})
        await connection.execute(text("ANALYZE conversation_items"))
    return one


async def plan(store: Database, one: str, place: int | None, order: Order) -> Plan:
    async with store.begin() as session:
        row = await conversation_at(session, TENANT, one)
        assert row is not None
        wanted = page_statement(row, (MAIN, NEWEST), place, order).limit(LIMIT + 1)
        connection = await session.connection()
        sql = str(wanted.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True}))
        explain = text("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + sql.replace(":", "\\:"))
        found = (await connection.execute(explain)).scalar_one()
    whole: Plan = found[0]["Plan"]
    return whole


def nodes(node: Plan) -> Iterator[Plan]:
    yield node
    for below in node.get("Plans", []):
        yield from nodes(below)


async def test_a_page_is_a_range_of_the_index_wherever_it_begins(store: Database) -> None:
    many, few = await filled(store, MANY), await filled(store, FEW)

    places: list[tuple[str, int | None, Order]] = [
        (few, None, "desc"),
        (many, None, "desc"),
        (many, MANY // 2, "desc"),
        (many, LIMIT + 1, "desc"),
        (many, None, "asc"),
        (many, MANY // 2, "asc"),
        (many, MANY - LIMIT, "asc"),
    ]
    for one, place, order in places:
        limit, scan = nodes(await plan(store, one, place, order))
        assert limit["Node Type"] == "Limit"
        assert (scan["Node Type"], scan["Index Name"]) == ("Index Scan", INDEX)
        assert scan["Scan Direction"] == ("Forward" if order == "asc" else "Backward")
        assert scan["Actual Rows"] in (LIMIT, LIMIT + 1)
        assert scan.get("Rows Removed by Filter", 0) == 0
        assert limit["Shared Hit Blocks"] + limit["Shared Read Blocks"] <= BLOCKS, (place, order)


async def test_a_branch_of_a_great_conversation_is_read_from_its_fork_on(store: Database) -> None:
    many = await filled(store, MANY)
    await forked(store, many, "b", MAIN, after=MANY // 2)

    found, has_more = await part(store, many, 100, None, "desc", "b")
    last, is_not_last = await part(store, many, 100, found[-1].item_id, "desc", "b")

    assert [row.seq for row in found + last] == list(range(MANY // 2, MANY // 2 - 200, -1))
    assert has_more
    assert is_not_last
