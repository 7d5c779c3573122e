"""Calls of tools: who called what, with which arguments, what came of it, and how long it took.

A row begins when a worker begins the call and ends with it, so that a call which may not be done twice is
known to have begun, whatever Redis forgets. One row for each job, however often it is tried.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Column, DateTime, Index, delete, update
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import Mapped
from sqlmodel import Field, col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from contracts.ids import JOB_ID_LENGTH
from infra.store.keyset import Order, keyset
from infra.store.table import Table

Status = Literal["running", "completed", "failed", "cancelled"]
RUNNING: Status = "running"


class ToolCallRow(Table, table=True):
    """One call."""

    __tablename__ = "tool_calls"
    __table_args__ = (
        Index("ix_tool_calls_tenant_job_id", "tenant", "job_id"),
        Index("ix_tool_calls_tool_job_id", "tool", "job_id"),
        Index("ix_tool_calls_response_id", "response_id"),
    )

    job_id: str = Field(primary_key=True, max_length=JOB_ID_LENGTH)
    tenant: str = Field(max_length=128)
    user_id: str = Field(max_length=JOB_ID_LENGTH)
    tool: str = Field(max_length=128)
    response_id: str | None = Field(default=None, max_length=64)
    call_id: str | None = Field(default=None, max_length=128)
    status: str = Field(default=RUNNING, max_length=16)
    """`running`, `completed`, `failed` (the tool said so, or the call broke) or `cancelled`."""
    attempt: int = 1
    arguments: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB(none_as_null=True)))
    """None where they are too large to be kept."""
    result: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB(none_as_null=True)))
    """A ToolResult; None where it is too large to be kept, or there is none."""
    error: str | None = None
    started_at: datetime = Field(sa_type=DateTime(timezone=True), index=True)
    ended_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    duration_ms: int | None = None


@dataclass(frozen=True)
class Ended:
    """How a call ended."""

    status: Status
    at: datetime
    duration_ms: int
    result: dict[str, Any] | None = None
    error: str | None = None


async def begin_call(session: AsyncSession, row: ToolCallRow) -> ToolCallRow | None:
    """Write down that a call begins; what an earlier attempt wrote, where one did so already."""
    begun = insert(ToolCallRow).values(**row.model_dump()).on_conflict_do_nothing(index_elements=["job_id"])
    if (await session.exec(begun)).rowcount:
        return None
    return await session.get(ToolCallRow, row.job_id, populate_existing=True)


async def end_call(session: AsyncSession, job_id: str, attempt: int, ended: Ended) -> bool:
    """Write down how a call ended, unless that is written; whether this did so."""
    values = {
        "status": ended.status, "ended_at": ended.at, "duration_ms": ended.duration_ms,
        "result": ended.result, "error": ended.error, "attempt": attempt,
    }  # fmt: skip
    rows = update(ToolCallRow).where(col(ToolCallRow.job_id) == job_id, col(ToolCallRow.status) == RUNNING)
    return bool((await session.exec(rows.values(**values))).rowcount)


@dataclass(frozen=True)
class CallFilter:
    """Which calls are wanted; None wherever any will do."""

    tenant: str | None = None
    tool: str | None = None
    status: str | None = None
    response_id: str | None = None


async def calls_page(
    session: AsyncSession, wanted: CallFilter, *, limit: int, after: str | None, order: Order
) -> tuple[list[ToolCallRow], bool]:
    """A part of the calls that fit, and whether there are more. Raises ApiError for an unknown `after`."""
    rows = select(ToolCallRow)
    for name, value in vars(wanted).items():
        if value is not None:
            rows = rows.where(col(getattr(ToolCallRow, name)) == value)
    id_column: Mapped[str] = col(ToolCallRow.job_id)
    return await keyset(session, rows, id_column, limit=limit, after=after, order=order)


async def forget_calls(session: AsyncSession, before: datetime, most: int) -> int:
    """Delete the records of old calls, at most so many; how many."""
    old = select(ToolCallRow.job_id).where(col(ToolCallRow.started_at) < before).limit(most)
    return int((await session.exec(delete(ToolCallRow).where(col(ToolCallRow.job_id).in_(old)))).rowcount)


async def give_up_calls(session: AsyncSession, before: datetime, now: datetime) -> int:
    """End the calls that began before and seem to run still; how many."""
    lost = update(ToolCallRow).where(col(ToolCallRow.status) == RUNNING, col(ToolCallRow.started_at) < before)
    ended = {"status": "failed", "ended_at": now, "error": "Its worker was lost"}
    return int((await session.exec(lost.values(**ended))).rowcount)


async def calls_of_jobs(session: AsyncSession, job_ids: Collection[str]) -> dict[str, ToolCallRow]:
    """The records of these jobs, as far as their calls have begun."""
    rows = select(ToolCallRow).where(col(ToolCallRow.job_id).in_(job_ids))
    return {row.job_id: row for row in (await session.exec(rows)).all()}


async def call_of(session: AsyncSession, tenant: str, job_id: str) -> ToolCallRow | None:
    """A tenant's call."""
    row = select(ToolCallRow).where(col(ToolCallRow.tenant) == tenant, col(ToolCallRow.job_id) == job_id)
    return (await session.exec(row)).first()
