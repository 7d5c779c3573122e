"""Other people's MCP servers: where they are, what is sent along, and how they are."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Column, DateTime
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import IntegrityError
from sqlmodel import Field, col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from contracts.errors import ApiError, ErrorCode
from infra.store.sealed import SealedColumn
from infra.store.table import Table


class McpServerRow(Table, table=True):
    """One server."""

    __tablename__ = "mcp_servers"

    name: str = Field(primary_key=True, max_length=64)
    """What stands before its tools' names; small letters, digits and `-`."""
    transport: str = Field(max_length=16)
    """`http` (Streamable HTTP) or `stdio`."""
    url: str | None = Field(default=None, max_length=2_048)
    command: list[str] = Field(default_factory=list, sa_column=Column(JSONB, nullable=False))
    """Of stdio: the program and its arguments."""
    sealed_secrets: str | None = None
    """Headers (http) or environment variables (stdio), as a sealed JSON object."""
    secret_names: list[str] = Field(default_factory=list, sa_column=Column(JSONB, nullable=False))
    """Their names, which are shown."""
    allowed_tools: list[str] | None = Field(default=None, sa_column=Column(JSONB(none_as_null=True)))
    """By the names that they have there, with `*` for any letters; None: all."""
    seconds: float | None = None
    """That one call may take; None: as all."""
    is_enabled: bool = True
    is_trusted: bool = False
    """Whether it may stand in a private network, or be a program: who runs the product said so, in a file."""
    source: str = Field(default="api", max_length=16)
    """`api` or `file`."""
    revision: int = 1
    """Raised by every change."""
    synced_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    """When its tools were last read."""
    sync_due_at: datetime = Field(sa_type=DateTime(timezone=True), index=True)
    sync_error: str | None = None
    created_at: datetime = Field(sa_type=DateTime(timezone=True))
    updated_at: datetime = Field(sa_type=DateTime(timezone=True))


SEALED_SECRETS = SealedColumn(McpServerRow, "name", "sealed_secrets")


async def all_servers(session: AsyncSession) -> list[McpServerRow]:
    """Every server, in order of their names."""
    return list((await session.exec(select(McpServerRow).order_by(col(McpServerRow.name)))).all())


async def server_named(session: AsyncSession, name: str) -> McpServerRow | None:
    """The server of this name."""
    return await session.get(McpServerRow, name)


async def locked_server(session: AsyncSession, name: str) -> McpServerRow | None:
    """The server of this name as it is now, which nobody else changes until the transaction ends."""
    return await session.get(McpServerRow, name, populate_existing=True, with_for_update=True)


async def servers_due(session: AsyncSession, now: datetime, most: int) -> Sequence[McpServerRow]:
    """Servers whose tools are to be read again, each for this transaction alone."""
    due = select(McpServerRow).where(col(McpServerRow.is_enabled), col(McpServerRow.sync_due_at) <= now)
    due = due.order_by(col(McpServerRow.sync_due_at)).limit(most).with_for_update(skip_locked=True)
    return (await session.exec(due)).all()


async def keep_server(session: AsyncSession, row: McpServerRow) -> None:
    """Keep a new server. Raises ApiError, 409, when another one has its name."""
    session.add(row)
    try:
        await session.flush()
    except IntegrityError as error:
        message = f"There is a server {row.name!r} already"
        raise ApiError(ErrorCode.CONFLICT, message, param="name") from error


async def claim_due_server(session: AsyncSession, now: datetime, lease: timedelta) -> McpServerRow | None:
    """A server whose tools are to be read, which nobody else reads until the lease is over."""
    rows = await servers_due(session, now, 1)
    for row in rows:
        row.sync_due_at = now + lease
    await session.flush()
    return rows[0] if rows else None


async def next_server_due(session: AsyncSession) -> datetime | None:
    """When the next server's tools are to be read; None where there is no server."""
    soonest = select(McpServerRow.sync_due_at).where(col(McpServerRow.is_enabled))
    return (await session.exec(soonest.order_by(col(McpServerRow.sync_due_at)).limit(1))).first()


async def unchanged_server(
    session: AsyncSession, claimed: McpServerRow, now: datetime
) -> McpServerRow | None:
    """The server, locked, as it was claimed; None where it is gone or off, or changed: then it is due now."""
    row = await locked_server(session, claimed.name)
    if row is None or not row.is_enabled:
        return None
    if row.revision != claimed.revision:
        row.sync_due_at = now
        return None
    return row
