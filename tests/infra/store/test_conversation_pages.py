"""A page of a tenant's 100,000 conversations is a range of an index, also of one project or one referrer."""

from typing import Any

import pytest
from sqlalchemy import text

from contracts.ids import PROJECT, new_id
from infra.database import Database
from infra.store.conversations import Wanted, conversations_of
from tests.infra.store.conversing import TENANT

pytestmark = pytest.mark.stack

MANY, EVERY = 100_000, 1_000
FILL = """
INSERT INTO conversations (conversation_id, tenant, user_id, metadata, project_id, referrer, active_branch,
    last_seq, created_at, updated_at)
SELECT 'conv_' || lpad(n::text, 26, '0'), :tenant, 'u', '{}', CASE WHEN n % :every = 0 THEN :project END,
    CASE WHEN n % :every = 0 THEN 'rare' END, 'MAIN', 0, now(), now()
FROM generate_series(1, :many) AS n
"""
PROJECTED = """
INSERT INTO projects (project_id, tenant, user_id, name, is_favorite, created_at, updated_at)
VALUES (:project, :tenant, 'u', 'p', false, now(), now())
"""
READ = """
SELECT coalesce(sum(idx_tup_fetch + seq_tup_read), 0)::bigint FROM pg_stat_xact_user_tables
WHERE relname = 'conversations'
"""
MOST = 22
"""Rows that a page of 20 may touch: its own, one more, and the one that it comes behind."""


async def filled(store: Database) -> str:
    project = new_id(PROJECT)
    about = {"tenant": TENANT, "project": project}
    async with store.begin() as session:
        connection = await session.connection()
        await connection.execute(text(PROJECTED), about)
        await connection.execute(text(FILL), {**about, "many": MANY, "every": EVERY})
        await connection.execute(text("ANALYZE conversations"))
    return project


async def touched(store: Database, wanted: Wanted, **ask: Any) -> tuple[int, int]:
    """How many rows a page has, and how many were read for it."""
    async with store.begin() as session:
        connection = await session.connection()
        before = (await connection.execute(text(READ))).scalar_one()
        rows, _ = await conversations_of(session, wanted, limit=20, **ask)
        read = (await connection.execute(text(READ))).scalar_one()
    return len(rows), read - before


async def test_a_page_reads_its_own_rows_alone(store: Database) -> None:
    project = await filled(store)
    middle = f"conv_{MANY // 2:026}"

    for wanted in (Wanted(TENANT), Wanted(TENANT, project_id=project), Wanted(TENANT, referrer="rare")):
        for order in ("asc", "desc"):
            for after in (None, middle):
                many, read = await touched(store, wanted, after=after, order=order)
                assert many == 20
                assert many <= read <= MOST, (wanted, order, after)
