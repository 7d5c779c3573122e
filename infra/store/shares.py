"""Shares: what a conversation was when it was shared, for everybody who has the link."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import BigInteger, Column, DateTime, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, QueryableAttribute, defer
from sqlmodel import Field, col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from contracts.ids import JOB_ID_LENGTH
from infra.store.conversations import ConversationRow
from infra.store.keyset import Order, keyset
from infra.store.table import Table

Json = Any  # OpenAI's items, open by nature


class ShareRow(Table, table=True):
    """One share."""

    __tablename__ = "conversation_shares"

    share_id: str = Field(primary_key=True, max_length=64)
    slug: str = Field(max_length=32, unique=True)
    """The secret part of its link."""
    conversation_id: str = Field(
        foreign_key=f"{ConversationRow.__tablename__}.conversation_id",
        ondelete="CASCADE",
        max_length=64,
        index=True,
    )
    tenant: str = Field(max_length=128, index=True)
    user_id: str = Field(max_length=JOB_ID_LENGTH)
    item_id: str | None = Field(default=None, max_length=64)
    """The one answer that is shared; None for the whole conversation."""
    title: str = Field(max_length=256)
    snapshot: dict[str, Json] = Field(sa_column=Column(JSONB, nullable=False))
    options: dict[str, Json] = Field(default_factory=dict, sa_column=Column(JSONB, nullable=False))
    view_count: int = Field(default=0, sa_type=BigInteger)
    last_viewed_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    revoked_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    created_at: datetime = Field(sa_type=DateTime(timezone=True))
    updated_at: datetime = Field(sa_type=DateTime(timezone=True))


WITHOUT_SNAPSHOT = defer(cast("QueryableAttribute[Json]", ShareRow.snapshot), raiseload=True)


@dataclass(frozen=True)
class SharesOf:
    """Which shares: a tenant's, and of these those of a conversation, and those that were not revoked."""

    tenant: str
    conversation_id: str | None = None
    includes_revoked: bool = True


async def shares_of(
    session: AsyncSession, wanted: SharesOf, *, limit: int, after: str | None, order: Order
) -> tuple[list[ShareRow], bool]:
    """A part of them, by age, and whether there are more; without their snapshots, which are large. Raises
    ApiError for an unknown `after`."""
    rows = select(ShareRow).options(WITHOUT_SNAPSHOT).where(col(ShareRow.tenant) == wanted.tenant)
    if wanted.conversation_id is not None:
        rows = rows.where(col(ShareRow.conversation_id) == wanted.conversation_id)
    if not wanted.includes_revoked:
        rows = rows.where(col(ShareRow.revoked_at).is_(None))
    id_column: Mapped[str] = col(ShareRow.share_id)
    return await keyset(session, rows, id_column, limit=limit, after=after, order=order)


async def share_at(
    session: AsyncSession, tenant: str, share_id: str, conversation_id: str | None = None
) -> ShareRow | None:
    """A tenant's share, of this conversation if one is named, which nobody else changes meanwhile; without
    its snapshot."""
    found = select(ShareRow).options(WITHOUT_SNAPSHOT)
    found = found.where(col(ShareRow.tenant) == tenant, col(ShareRow.share_id) == share_id)
    if conversation_id is not None:
        found = found.where(col(ShareRow.conversation_id) == conversation_id)
    return (await session.exec(found.with_for_update())).first()


async def view_share(session: AsyncSession, slug: str, now: datetime) -> ShareRow | None:
    """The share of a link that was not revoked; the view is counted."""
    viewed = (
        update(ShareRow)
        .where(col(ShareRow.slug) == slug, col(ShareRow.revoked_at).is_(None))
        .values(view_count=col(ShareRow.view_count) + 1, last_viewed_at=now)
        .returning(ShareRow)
    )
    return (await session.exec(viewed)).scalar_one_or_none()
