"""Conversations of a test's own, made by the store."""

from collections.abc import Sequence
from datetime import UTC, datetime

from contracts.ids import CONVERSATION, new_id
from contracts.wire.items import stored
from infra.database import Database
from infra.store.branches import BranchRow
from infra.store.conversations import MAIN, ConversationRow, conversation_at
from infra.store.items import ItemRow, append_items, items_of
from infra.store.keyset import Order

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
TENANT = "ours"


async def begun(store: Database, tenant: str = TENANT, referrer: str | None = None) -> str:
    """A new conversation."""
    row = ConversationRow(
        conversation_id=new_id(CONVERSATION),
        tenant=tenant,
        user_id="u",
        referrer=referrer,
        created_at=NOW,
        updated_at=NOW,
    )
    async with store.begin() as session:
        session.add(row)
    return row.conversation_id


async def said(
    store: Database, conversation_id: str, texts: Sequence[str], branch: str = MAIN, tenant: str = TENANT
) -> list[ItemRow]:
    """Messages, appended."""
    items = [stored({"role": "user", "content": text}) for text in texts]
    async with store.begin() as session:
        row = await conversation_at(session, tenant, conversation_id, is_locked=True)
        assert row is not None
        return await append_items(session, row, branch, items, NOW)


async def forked(store: Database, conversation_id: str, name: str, parent: str, after: int) -> None:
    """A branch, begun."""
    async with store.begin() as session:
        session.add(
            BranchRow(
                conversation_id=conversation_id,
                name=name,
                parent=parent,
                forked_after=after,
                created_at=NOW,
                updated_at=NOW,
            )
        )


async def part(
    store: Database,
    conversation_id: str,
    limit: int,
    after: str | None = None,
    order: Order = "asc",
    branch: str = MAIN,
) -> tuple[list[ItemRow], bool]:
    """One part of a list of items."""
    async with store.begin() as session:
        row = await conversation_at(session, TENANT, conversation_id)
        assert row is not None
        return await items_of(session, row, branch, limit=limit, after=after, order=order)


async def whole(
    store: Database, conversation_id: str, limit: int, order: Order = "asc", branch: str = MAIN
) -> list[ItemRow]:
    """All items, page by page."""
    found, has_more = await part(store, conversation_id, limit, None, order, branch)
    while has_more:
        more, has_more = await part(store, conversation_id, limit, found[-1].item_id, order, branch)
        found += more
    return found


def texts(rows: Sequence[ItemRow]) -> list[str]:
    """What they say."""
    return [row.data["content"][0]["text"] for row in rows]
