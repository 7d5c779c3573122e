"""Tools: what there is to call, and what admins say of it.

A row of a built-in tool is made by the first worker that has it, a row of another server's tool by the worker
that read that server's list. What an admin sets (`is_enabled`, `description`, `disallowed`, limits) no worker
changes.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Column, DateTime, delete, update
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlmodel import Field, col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from contracts.tools.spec import ToolSpec
from infra.store.table import Table

BUILT_IN = ""
"""The server of the tools that come with the product."""


class McpToolRow(Table, table=True):
    """One tool."""

    __tablename__ = "mcp_tools"

    name: str = Field(primary_key=True, max_length=128)
    """Under which it is called; of another server's, `<server>_<tool>`."""
    server: str = Field(default=BUILT_IN, max_length=64, index=True)
    spec: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    """A ToolSpec as its owner gives it; of another server's, under the name that it has there."""
    is_enabled: bool = True
    description: str | None = None
    """What is told instead of its own."""
    category: str | None = Field(default=None, max_length=64)
    meta: dict[str, Any] = Field(
        default_factory=dict, sa_column=Column("metadata", JSONB, nullable=False)
    )  # `metadata` is SQLAlchemy's own word
    disallowed: list[str] = Field(default_factory=list, sa_column=Column(JSONB, nullable=False))
    """Patterns (RE2): an argument in which one is found is refused; a part of a result is left out."""
    per_minute: int | None = None
    """Calls of one tenant; None: as many as it likes."""
    seconds: float | None = None
    """That one call may take; None: as all."""
    off_reason: str | None = None
    """Why no worker can do it now; None: one can."""
    updated_at: datetime = Field(sa_type=DateTime(timezone=True))


class McpLimitRow(Table, table=True):
    """What differs for one tenant."""

    __tablename__ = "mcp_limits"

    tool: str = Field(primary_key=True, max_length=128)
    tenant: str = Field(primary_key=True, max_length=128)
    is_allowed: bool = True
    per_minute: int | None = None


async def all_tools(session: AsyncSession) -> list[McpToolRow]:
    """Every tool, in order of server and name: the built-in ones first."""
    rows = select(McpToolRow).order_by(col(McpToolRow.server), col(McpToolRow.name))
    return list((await session.exec(rows)).all())


async def all_limits(session: AsyncSession) -> list[McpLimitRow]:
    """Every tenant's exceptions."""
    return list((await session.exec(select(McpLimitRow))).all())


async def locked_tool(session: AsyncSession, name: str) -> McpToolRow | None:
    """A tool as it is now, which nobody else changes until the transaction ends."""
    return await session.get(McpToolRow, name, populate_existing=True, with_for_update=True)


async def offer_tool(
    session: AsyncSession,
    server: str,
    name: str,
    spec: ToolSpec,
    now: datetime,
    off_reason: str | None = None,
) -> bool:
    """Write down what its owner says of a tool; whether that is new. What admins set stays."""
    given = spec.model_dump(mode="json")
    row = await locked_tool(session, name)
    if row is not None and (row.spec, row.server, row.off_reason) == (given, server, off_reason):
        return False
    statement = insert(McpToolRow).values(
        name=name, server=server, spec=given, is_enabled=True, metadata={}, disallowed=[],
        off_reason=off_reason, updated_at=now,
    )  # fmt: skip
    changed = {"spec": given, "server": server, "off_reason": off_reason, "updated_at": now}
    await session.exec(statement.on_conflict_do_update(index_elements=["name"], set_=changed))
    return True


async def withdraw_tools(session: AsyncSession, server: str, kept: Collection[str]) -> Sequence[str]:
    """Forget a server's tools but those; their names."""
    gone = delete(McpToolRow).where(col(McpToolRow.server) == server, col(McpToolRow.name).not_in(kept))
    return list((await session.exec(gone.returning(col(McpToolRow.name)))).scalars())


async def switch_off(session: AsyncSession, server: str, reason: str | None) -> bool:
    """Tell why a server's tools cannot be called now, or None: that they can; whether that is new."""
    rows = update(McpToolRow).where(
        col(McpToolRow.server) == server, col(McpToolRow.off_reason).is_distinct_from(reason)
    )
    return bool((await session.exec(rows.values(off_reason=reason))).rowcount)


async def limits_of(session: AsyncSession, tool: str) -> list[McpLimitRow]:
    """The tenants for whom a tool has other limits."""
    rows = select(McpLimitRow).where(col(McpLimitRow.tool) == tool).order_by(col(McpLimitRow.tenant))
    return list((await session.exec(rows)).all())


async def keep_limit(session: AsyncSession, row: McpLimitRow) -> None:
    """Set what differs for a tenant."""
    values = row.model_dump()
    changed = {"is_allowed": row.is_allowed, "per_minute": row.per_minute}
    kept = insert(McpLimitRow).values(**values)
    await session.exec(kept.on_conflict_do_update(index_elements=["tool", "tenant"], set_=changed))


async def drop_limit(session: AsyncSession, tool: str, tenant: str) -> bool:
    """Nothing differs for a tenant any more; whether something did."""
    gone = delete(McpLimitRow).where(col(McpLimitRow.tool) == tool, col(McpLimitRow.tenant) == tenant)
    return bool((await session.exec(gone)).rowcount)
