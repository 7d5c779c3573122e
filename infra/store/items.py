"""Items of conversations: messages, calls of tools and their outputs, in the order of their seq."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Column, DateTime, Index, UniqueConstraint, text, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, col, select
from sqlmodel.ext.asyncio.session import AsyncSession
from sqlmodel.sql.expression import SelectOfScalar

from contracts.errors import ApiError, ErrorCode
from contracts.ids import JOB_ID_LENGTH
from contracts.wire.items import OUTPUTS, StoredItem, new_item_id
from infra.store.branches import BranchRow, Segment, segments
from infra.store.conversations import MAIN, ConversationRow
from infra.store.gone_items import GoneItemRow
from infra.store.keyset import Order
from infra.store.table import Table

Json = Any  # OpenAI's items, open by nature


class ItemRow(Table, table=True):
    """One item, which belongs to the branch that it was appended to."""

    __tablename__ = "conversation_items"
    __table_args__ = (
        UniqueConstraint("conversation_id", "branch", "seq"),
        Index(
            "ix_conversation_items_call_id",
            "conversation_id",
            "call_id",
            postgresql_where=text("call_id IS NOT NULL"),
        ),
        Index("ix_conversation_items_job_id", "job_id", postgresql_where=text("job_id IS NOT NULL")),
    )

    item_id: str = Field(primary_key=True, max_length=64)
    conversation_id: str = Field(
        foreign_key=f"{ConversationRow.__tablename__}.conversation_id", ondelete="CASCADE", max_length=64
    )
    tenant: str = Field(max_length=128)
    branch: str = Field(default=MAIN, max_length=64)
    seq: int = Field(sa_type=BigInteger)
    """Its place: unique and rising in the whole conversation, never used again."""
    type: str = Field(max_length=64)
    role: str | None = Field(default=None, max_length=32)
    status: str = Field(default="completed", max_length=32)
    call_id: str | None = Field(default=None, max_length=256)
    data: dict[str, Json] = Field(sa_column=Column(JSONB, nullable=False))
    """The item as OpenAI's shape has it, without what stands in the other columns (id, type, role, status,
    call_id)."""
    model: str | None = Field(default=None, max_length=256)
    """The model that made it, as it was asked for."""
    job_id: str | None = Field(default=None, max_length=JOB_ID_LENGTH)
    """The job that appended it."""
    attempt: int = 0
    """The attempt of that job."""
    created_at: datetime = Field(sa_type=DateTime(timezone=True))


async def append_items(
    session: AsyncSession, row: ConversationRow, branch: str, items: Sequence[StoredItem], now: datetime
) -> list[ItemRow]:
    """Append items to a branch of a conversation, which is locked and has the branch."""
    added = [_row(row, branch, item, row.last_seq + at, now) for at, item in enumerate(items, start=1)]
    session.add_all(added)
    row.last_seq += len(items)
    row.updated_at = now
    session.add(row)
    if branch != MAIN:
        named = col(BranchRow.conversation_id) == row.conversation_id, col(BranchRow.name) == branch
        await session.exec(update(BranchRow).where(*named).values(updated_at=now))
    await session.flush()
    return added


async def item_at(
    session: AsyncSession, tenant: str, conversation_id: str, item_id: str, *, is_locked: bool = False
) -> ItemRow | None:
    """An item of a tenant's conversation, on whichever of its branches."""
    found = select(ItemRow).where(
        col(ItemRow.item_id) == item_id,
        col(ItemRow.conversation_id) == conversation_id,
        col(ItemRow.tenant) == tenant,
    )
    return (await session.exec(found.with_for_update() if is_locked else found)).first()


async def item_by_call(
    session: AsyncSession, tenant: str, conversation_id: str, call_id: str, *, item_type: str | None = None
) -> ItemRow | None:
    """The newest call of this id, or its output where there is no call; of one type alone if it is given, and
    then locked."""
    found = select(ItemRow).where(
        col(ItemRow.conversation_id) == conversation_id,
        col(ItemRow.call_id) == call_id,
        col(ItemRow.tenant) == tenant,
    )
    if item_type is not None:
        found = found.where(col(ItemRow.type) == item_type).with_for_update()
    found = found.order_by(col(ItemRow.type).in_(OUTPUTS), col(ItemRow.seq).desc())
    return (await session.exec(found.limit(1))).first()


async def delete_item(session: AsyncSession, item: ItemRow) -> None:
    """Delete an item from all branches that share it; lists that have come to it go on behind its place."""
    place = GoneItemRow(
        conversation_id=item.conversation_id, item_id=item.item_id, branch=item.branch, seq=item.seq
    )
    await session.merge(place)
    await session.delete(item)
    await session.flush()


async def items_of(
    session: AsyncSession,
    row: ConversationRow,
    branch: str,
    *,
    limit: int,
    after: str | None,
    order: Order,
) -> tuple[list[ItemRow], bool]:
    """One part of a branch's items, those that it shares with its parents too, and whether there are more.

    Raises ApiError for an `after` that neither is nor was an item of this branch.
    """
    parts = await segments(session, row.conversation_id, branch)
    place = None if after is None else await _place(session, row, parts, after)
    found: list[ItemRow] = []
    for piece in parts if order == "desc" else parts[::-1]:
        if len(found) <= limit:
            wanted = page_statement(row, piece, place, order).limit(limit + 1 - len(found))
            found += (await session.exec(wanted)).all()
    return found[:limit], len(found) > limit


def page_statement(
    row: ConversationRow, part: Segment, place: int | None, order: Order
) -> SelectOfScalar[ItemRow]:
    """The items of a part of a branch behind a place, without a limit.

    They are a range of the index on (conversation_id, branch, seq), read from the end where a page begins.
    """
    name, upto = part
    seq = col(ItemRow.seq)
    found = select(ItemRow).where(
        col(ItemRow.conversation_id) == row.conversation_id,
        col(ItemRow.branch) == name,
        col(ItemRow.tenant) == row.tenant,
        seq <= upto,
    )
    if place is not None:
        found = found.where(seq > place if order == "asc" else seq < place)
    return found.order_by(seq.asc() if order == "asc" else seq.desc())


async def _place(session: AsyncSession, row: ConversationRow, parts: Sequence[Segment], after: str) -> int:
    item: ItemRow | GoneItemRow | None = await item_at(session, row.tenant, row.conversation_id, after)
    item = item or await session.get(GoneItemRow, (row.conversation_id, after))
    if item is None or not any(item.branch == name and item.seq <= upto for name, upto in parts):
        raise ApiError(ErrorCode.INVALID_VALUE, "after must be an id from this list", param="after")
    return item.seq


def _row(row: ConversationRow, branch: str, item: StoredItem, seq: int, now: datetime) -> ItemRow:
    return ItemRow(
        item_id=new_item_id(item.type),
        conversation_id=row.conversation_id,
        tenant=row.tenant,
        branch=branch,
        seq=seq,
        type=item.type,
        role=item.role,
        status=item.status,
        call_id=item.call_id,
        data=item.data,
        created_at=now,
    )
