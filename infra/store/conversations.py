"""Conversations: who has them, what they are called, and which of their branches is the active one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, Column, DateTime, Index, delete, text, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, col, select
from sqlmodel.ext.asyncio.session import AsyncSession
from sqlmodel.sql.expression import SelectOfScalar

from contracts.ids import JOB_ID_LENGTH
from infra.store.keyset import Order, keyset
from infra.store.projects import ProjectRow
from infra.store.table import Table

MAIN = "MAIN"
"""The branch that every conversation begins with."""


class ConversationRow(Table, table=True):
    """One conversation."""

    __tablename__ = "conversations"
    __table_args__ = (
        Index("ix_conversations_tenant_conversation_id", "tenant", "conversation_id"),
        Index("ix_conversations_tenant_project_id", "tenant", "project_id", "conversation_id"),
        Index(
            "ix_conversations_tenant_referrer",
            *("tenant", "referrer", "conversation_id"),
            postgresql_where=text("referrer IS NOT NULL"),
        ),
    )

    conversation_id: str = Field(primary_key=True, max_length=64)
    tenant: str = Field(max_length=128)
    user_id: str = Field(max_length=JOB_ID_LENGTH)
    title: str | None = Field(default=None, max_length=256)
    meta: dict[str, str] = Field(default_factory=dict, sa_column=Column("metadata", JSONB, nullable=False))
    project_id: str | None = Field(
        default=None,
        foreign_key=f"{ProjectRow.__tablename__}.project_id",
        ondelete="SET NULL",
        max_length=64,
    )
    referrer: str | None = Field(default=None, max_length=64)
    active_branch: str = Field(default=MAIN, max_length=64)
    last_seq: int = Field(default=0, sa_type=BigInteger)
    """The seq of the item that was appended last, on whichever branch: seqs only rise."""
    created_at: datetime = Field(sa_type=DateTime(timezone=True))
    updated_at: datetime = Field(sa_type=DateTime(timezone=True))


@dataclass(frozen=True)
class Wanted:
    """Which conversations: a tenant's, and only those of a project or a referrer if one is given."""

    tenant: str
    project_id: str | None = None
    referrer: str | None = None


async def conversation_at(
    session: AsyncSession, tenant: str, conversation_id: str, *, is_locked: bool = False
) -> ConversationRow | None:
    """A tenant's conversation, if there is one of this id; locked, nobody else changes it meanwhile."""
    found = select(ConversationRow).where(
        col(ConversationRow.conversation_id) == conversation_id, col(ConversationRow.tenant) == tenant
    )
    return (await session.exec(found.with_for_update() if is_locked else found)).first()


async def conversations_of(
    session: AsyncSession,
    wanted: Wanted,
    *,
    limit: int,
    after: str | None,
    order: Order,
) -> tuple[list[ConversationRow], bool]:
    """One part of a tenant's conversations, and whether there are more. Raises ApiError for an unknown
    `after`."""
    found = select(ConversationRow).where(col(ConversationRow.tenant) == wanted.tenant)
    if wanted.project_id is not None:
        found = found.where(col(ConversationRow.project_id) == wanted.project_id)
    if wanted.referrer is not None:
        found = found.where(col(ConversationRow.referrer) == wanted.referrer)
    named = col(ConversationRow.conversation_id)
    return await keyset(session, found, named, limit=limit, after=after, order=order)


async def hold_project(session: AsyncSession, tenant: str, project_id: str) -> bool:
    """Whether a tenant has this project; it is not deleted before the transaction ends."""
    found = select(ProjectRow.project_id).where(
        col(ProjectRow.project_id) == project_id,
        col(ProjectRow.tenant) == tenant,
        col(ProjectRow.deleted_at).is_(None),
    )
    return (await session.exec(found.with_for_update(read=True))).first() is not None


async def delete_conversations(session: AsyncSession, tenant: str, ids: Sequence[str]) -> set[str]:
    """Delete those of the conversations that are the tenant's, with all that they hold; which these were."""
    mine = col(ConversationRow.tenant) == tenant, col(ConversationRow.conversation_id).in_(ids)
    return set(await _delete(session, select(ConversationRow.conversation_id).where(*mine)))


async def delete_some_conversations(session: AsyncSession, tenant: str, most: int) -> int:
    """Delete at most so many of a tenant's conversations, with all that they hold; how many these were."""
    mine = select(ConversationRow.conversation_id).where(col(ConversationRow.tenant) == tenant)
    return len(await _delete(session, mine.limit(most)))


async def _delete(session: AsyncSession, chosen: SelectOfScalar[str]) -> list[str]:
    """Two that delete the same lock it in the same order: the second waits, and finds it gone."""
    named = col(ConversationRow.conversation_id)
    ids = list((await session.exec(chosen.order_by(named).with_for_update())).all())
    if ids:
        await session.exec(delete(ConversationRow).where(named.in_(ids)))
    return ids


async def leave_project(session: AsyncSession, tenant: str, project_id: str) -> None:
    """A tenant's conversations of a project are of none any more."""
    is_in = (col(ConversationRow.tenant) == tenant, col(ConversationRow.project_id) == project_id)
    await session.exec(update(ConversationRow).where(*is_in).values(project_id=None))
