"""Responses: what was asked for, how far each is, and how it ended."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, DateTime, Index, delete, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped
from sqlmodel import Field, col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from infra.store.conversations import MAIN
from infra.store.keyset import Order, keyset
from infra.store.table import Table

Json = Any  # OpenAI's wire, open by nature

OPEN = ("queued", "in_progress")
"""States that are not the last."""


class ResponseRow(Table, table=True):
    """One response. Only the holder of its row lock takes a step."""

    __tablename__ = "responses"
    __table_args__ = (
        Index("ix_responses_tenant_response_id", "tenant", "response_id"),
        Index("ix_responses_due_at", "due_at", postgresql_where=text("due_at IS NOT NULL")),
    )

    response_id: str = Field(primary_key=True, max_length=64)
    tenant: str = Field(max_length=128)
    user_id: str = Field(max_length=26)
    status: str = Field(default="queued", max_length=16)
    model: str = Field(max_length=256)
    previous_response_id: str | None = Field(default=None, max_length=64)
    conversation_id: str | None = Field(default=None, max_length=64)
    branch: str = Field(default=MAIN, max_length=64)
    """Of the conversation: the active one when it was asked for."""
    after: int = Field(default=0, sa_type=BigInteger)
    """The seq of the conversation's last item when it was asked for."""
    is_stored: bool = True
    is_background: bool = False
    is_streamed: bool = False
    asked: dict[str, Json] = Field(sa_column=Column(JSON, nullable=False))
    """What the object repeats of the request: instructions, tools, temperature and the like, all there."""
    plan: dict[str, Json] = Field(sa_column=Column(JSON, nullable=False))
    """A ResponsePlan. As `asked` it keeps the order of names: models write in that of a schema's."""
    envelope: dict[str, Json] = Field(sa_column=Column(JSONB, nullable=False))
    """The envelope that it came with, from which those of its jobs are made."""
    trace: dict[str, str] = Field(sa_column=Column(JSONB, nullable=False))
    """`traceparent` and `tracestate` of the request."""
    turn: int = 0
    """Model turns that were begun."""
    outputs: int = 0
    """Output items that are written."""
    calls: int = 0
    """Calls of our tools that were begun."""
    frames: int = 0
    """Frames of its log that are written, or wait in the outbox."""
    usage: dict[str, Json] | None = Field(default=None, sa_column=Column(JSONB(none_as_null=True)))
    error: dict[str, Json] | None = Field(default=None, sa_column=Column(JSONB(none_as_null=True)))
    incomplete_reason: str | None = Field(default=None, max_length=64)
    created_at: datetime = Field(sa_type=DateTime(timezone=True))
    started_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    ended_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    due_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    """When it is looked at again, whatever nobody told; None when it has ended."""
    expires_at: datetime = Field(sa_type=DateTime(timezone=True), index=True)


async def keep_response(session: AsyncSession, row: ResponseRow) -> None:
    """Keep a new response."""
    session.add(row)
    await session.flush()


async def response_at(session: AsyncSession, tenant: str, response_id: str) -> ResponseRow | None:
    """A tenant's response that may be read later; None where there is none of this id."""
    found = select(ResponseRow).where(
        col(ResponseRow.response_id) == response_id, col(ResponseRow.tenant) == tenant
    )
    return (await session.exec(found.where(col(ResponseRow.is_stored)))).first()


async def locked_response(session: AsyncSession, response_id: str) -> ResponseRow | None:
    """A response as it is now, which nobody else changes until the transaction ends."""
    return await session.get(ResponseRow, response_id, populate_existing=True, with_for_update=True)


async def responses_page(
    session: AsyncSession,
    tenant: str,
    *,
    limit: int,
    after: str | None,
    order: Order,
    status: str | None = None,
) -> tuple[list[ResponseRow], bool]:
    """A part of a tenant's responses, and whether there are more. Raises ApiError for an unknown `after`."""
    found = select(ResponseRow).where(col(ResponseRow.tenant) == tenant, col(ResponseRow.is_stored))
    if status is not None:
        found = found.where(col(ResponseRow.status) == status)
    named: Mapped[str] = col(ResponseRow.response_id)
    return await keyset(session, found, named, limit=limit, after=after, order=order)


async def delete_response(session: AsyncSession, tenant: str, response_id: str) -> bool:
    """Delete a tenant's response with its items and steps; whether it was there."""
    mine = col(ResponseRow.response_id) == response_id, col(ResponseRow.tenant) == tenant
    gone = delete(ResponseRow).where(*mine, col(ResponseRow.is_stored))
    return bool((await session.exec(gone)).rowcount)


async def claim_due_response(session: AsyncSession, now: datetime, until: datetime) -> str | None:
    """The response that is due for longest, which nobody else looks at until then; None where none is."""
    due = select(ResponseRow).where(col(ResponseRow.due_at) <= now).order_by(col(ResponseRow.due_at))
    row = (await session.exec(due.limit(1).with_for_update(skip_locked=True))).first()
    if row is None:
        return None
    row.due_at = until
    await session.flush()
    return row.response_id


async def next_response_due(session: AsyncSession) -> datetime | None:
    """When the next response is to be looked at; None where there is none."""
    soonest = select(ResponseRow.due_at).where(col(ResponseRow.due_at).is_not(None))
    return (await session.exec(soonest.order_by(col(ResponseRow.due_at)).limit(1))).first()


async def forget_responses(session: AsyncSession, now: datetime, most: int) -> int:
    """Delete responses whose time is over, at most so many; how many."""
    old = select(ResponseRow.response_id).where(col(ResponseRow.expires_at) <= now)
    old = old.where(col(ResponseRow.due_at).is_(None)).limit(most)
    return int(
        (await session.exec(delete(ResponseRow).where(col(ResponseRow.response_id).in_(old)))).rowcount
    )
