"""Shares of long conversations, and of those that go meanwhile, on a real database."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text

from api_edge.media.links import Links
from api_edge.shares.shares import CHUNK, Shares
from contracts.envelope import Caller
from contracts.errors import ApiError
from contracts.wire.items import stored
from contracts.wire.shares import ShareAsk
from infra.database import Database, open_database
from infra.migrations.upgrade import upgrade
from infra.presigning import Presigner
from infra.settings import DatabaseSettings, MediaSettings, ObjectSettings
from infra.store.conversations import MAIN, conversation_at, delete_conversations
from infra.store.items import append_items
from tests.infra.store.conversing import NOW, TENANT, begun, forked, said
from tests.infra.store.scratch import scratch_database

pytestmark = pytest.mark.stack

WAITING = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock'
"""
ME = Caller(user_id="u", tenant=TENANT)
LINKS = Links(Presigner(ObjectSettings()), MediaSettings())


@pytest.fixture
async def store(database: DatabaseSettings) -> AsyncIterator[Database]:
    async with scratch_database(database) as settings:
        await upgrade(settings)
        async with open_database(settings) as opened:
            yield opened


async def answered(store: Database, conversation_id: str, branch: str = MAIN) -> None:
    """An answer, appended."""
    async with store.begin() as session:
        row = await conversation_at(session, TENANT, conversation_id, is_locked=True)
        assert row is not None
        await append_items(session, row, branch, [stored({"role": "assistant", "content": "yes"})], NOW)


async def waiting_for_a_lock(store: Database) -> None:
    """Until a transaction of this database waits for another."""
    async with asyncio.timeout(10):
        count = 0
        while not count:
            async with store.begin() as session:
                count = (await (await session.connection()).execute(text(WAITING))).scalar_one()


async def texts(shares: Shares, slug: str) -> list[str]:
    return [item["content"][0]["text"] for item in (await shares.read(slug)).snapshot.items]


async def test_a_long_conversation_is_shared_whole(store: Database) -> None:
    conversation_id = await begun(store)
    asked = [str(at) for at in range(2 * CHUNK + 1)]
    await said(store, conversation_id, asked)
    await answered(store, conversation_id)
    shares = Shares(store, "https://jan.example/", LINKS)

    share = await shares.create(ME, conversation_id, ShareAsk())

    assert await texts(shares, share.slug) == [*asked, "yes"]
    assert share.share_url == f"https://jan.example/v1/public/shares/{share.slug}"


async def test_a_branch_is_shared_with_what_was_said_before_it(store: Database) -> None:
    conversation_id = await begun(store)
    rows = await said(store, conversation_id, ["one", "two"])
    await forked(store, conversation_id, "other", MAIN, rows[0].seq)
    await answered(store, conversation_id, "other")
    shares = Shares(store, "https://jan.example", LINKS)

    share = await shares.create(ME, conversation_id, ShareAsk(branch="other"))

    assert await texts(shares, share.slug) == ["one", "yes"]


async def test_a_conversation_that_is_deleted_while_it_is_shared_is_not_found(store: Database) -> None:
    conversation_id = await begun(store)
    await answered(store, conversation_id)
    shares = Shares(store, "https://jan.example", LINKS)

    async with store.begin() as session:
        await delete_conversations(session, TENANT, [conversation_id])
        making = asyncio.create_task(shares.create(ME, conversation_id, ShareAsk()))
        await waiting_for_a_lock(store)

    with pytest.raises(ApiError, match="no such conversation"):
        await making


@pytest.mark.parametrize("slug", ["x" * 21, "x" * 23, "x" * 1_000, "x" * 21 + "\x00", "x" * 21 + "\n", ""])
async def test_what_is_no_slug_is_like_a_share_that_never_was(store: Database, slug: str) -> None:
    shares = Shares(store, "https://jan.example", LINKS)
    with pytest.raises(ApiError) as never:
        await shares.read("A" * 22)

    with pytest.raises(ApiError) as raised:
        await shares.read(slug)

    assert raised.value.detail == never.value.detail
