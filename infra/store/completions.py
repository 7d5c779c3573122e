"""Stored completions: chat completions that were asked for with `store`, to be read later."""

from datetime import datetime
from typing import Any

from sqlalchemy import Column, DateTime, Index, delete
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlmodel import Field, col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from contracts.ids import JOB_ID_LENGTH
from infra.store.table import Table

SWEPT = 20
"""Most expired completions that are deleted when one is added."""

Json = Any  # OpenAI's wire, open by nature


class StoredCompletionRow(Table, table=True):
    """One completion that ended well."""

    __tablename__ = "stored_completions"
    __table_args__ = (Index("ix_stored_completions_tenant_job_id", "tenant", "job_id"),)

    job_id: str = Field(primary_key=True, max_length=JOB_ID_LENGTH)
    tenant: str = Field(max_length=128)
    model: str = Field(max_length=256)
    """As it was asked for."""
    meta: dict[str, str] = Field(default_factory=dict, sa_column=Column("metadata", JSONB, nullable=False))
    request: dict[str, Json] = Field(sa_column=Column(JSONB, nullable=False))
    """The request, its messages included."""
    completion: dict[str, Json] = Field(sa_column=Column(JSONB, nullable=False))
    """The whole answer, also of a stream."""
    attempt: int
    """The attempt that wrote it: an earlier one changes nothing any more."""
    created_at: datetime = Field(sa_type=DateTime(timezone=True))
    expires_at: datetime = Field(sa_type=DateTime(timezone=True), index=True)


async def keep_completion(session: AsyncSession, row: StoredCompletionRow, now: datetime) -> None:
    """Store a completion, or put it into the place of an earlier attempt's; its metadata then stays."""
    table = StoredCompletionRow.__table__  # type: ignore[attr-defined]  # SQLModel's own
    values = {
        "model": row.model,
        "request": row.request,
        "completion": row.completion,
        "attempt": row.attempt,
        "expires_at": row.expires_at,
    }
    first = {"job_id": row.job_id, "tenant": row.tenant, "metadata": row.meta, "created_at": row.created_at}
    kept = insert(table).values(first | values)
    kept = kept.on_conflict_do_update(
        index_elements=["job_id"], set_=values, where=table.c.attempt <= row.attempt
    )
    await session.exec(kept)
    expired = select(col(StoredCompletionRow.job_id)).where(col(StoredCompletionRow.expires_at) <= now)
    swept = expired.limit(SWEPT).with_for_update(skip_locked=True)
    await session.exec(delete(StoredCompletionRow).where(col(StoredCompletionRow.job_id).in_(swept)))
