"""Writes declared MCP servers down, again and again: what is declared wins, what is not any more goes."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from infra.declaring import BadDeclaration
from infra.sealing import SealBroken, Sealer
from infra.store.audit import OPERATOR, note_change
from infra.store.mcp_servers import SEALED_SECRETS, McpServerRow, all_servers, locked_server
from infra.store.mcp_tools import withdraw_tools
from infra.tools.declared import DeclaredServer

FILE = "file"


@dataclass(frozen=True)
class Written:
    """What was written down."""

    made: int = 0
    changed: int = 0
    removed: int = 0

    @property
    def is_news(self) -> bool:
        """Whether anything is other than before."""
        return bool(self.made or self.changed or self.removed)


async def write_servers_down(
    session: AsyncSession, sealer: Sealer, declared: Sequence[DeclaredServer], now: datetime
) -> Written:
    """Have these servers, and no others of the file. Raises BadDeclaration where an admin's is called so."""
    made = changed = removed = 0
    for one in declared:
        row = await locked_server(session, one.name)
        if row is None:
            row = _new(one, now)
            _take(row, one, sealer)
            session.add(row)
            note_change(session, OPERATOR, now, "mcp_server.create", one.name, {"name": [None, one.name]})
            made += 1
        elif row.source != FILE:
            raise BadDeclaration(f"there is an MCP server {one.name!r} already, made by the admin API")
        elif fields := _take(row, one, sealer):
            row.revision, row.updated_at, row.sync_due_at = row.revision + 1, now, now
            changes = {field: ["[declared]", "[declared]"] for field in fields}
            note_change(session, OPERATOR, now, "mcp_server.update", one.name, changes)
            changed += 1
        if not one.active:
            await withdraw_tools(session, one.name, [])
        await session.flush()
    names = {one.name for one in declared}
    for row in await all_servers(session):
        if row.source == FILE and row.name not in names:
            await withdraw_tools(session, row.name, [])
            await session.delete(row)
            note_change(session, OPERATOR, now, "mcp_server.delete", row.name, {"name": [row.name, None]})
            removed += 1
    await session.flush()
    return Written(made, changed, removed)


def _new(one: DeclaredServer, now: datetime) -> McpServerRow:
    return McpServerRow(
        name=one.name, transport=one.transport, is_trusted=True, source=FILE,
        sync_due_at=now, created_at=now, updated_at=now,
    )  # fmt: skip


def _take(row: McpServerRow, one: DeclaredServer, sealer: Sealer) -> list[str]:
    """Put what is declared into the row; which fields that changed."""
    values: dict[str, Any] = {  # columns, by their names
        "transport": one.transport,
        "url": one.url,
        "command": list(one.command),
        "secret_names": sorted(one.secrets),
        "allowed_tools": None if one.allowed_tools is None else list(one.allowed_tools),
        "seconds": one.seconds,
        "is_enabled": one.active,
    }
    fields = [name for name, value in values.items() if getattr(row, name) != value]
    for name in fields:
        setattr(row, name, values[name])
    if one.secrets != _opened(row, sealer):
        text = json.dumps(one.secrets, sort_keys=True)
        row.sealed_secrets = SEALED_SECRETS.seal(sealer, row.name, text) if one.secrets else None
        fields.append("secrets")
    return fields


def _opened(row: McpServerRow, sealer: Sealer) -> dict[str, str] | None:
    """Its secrets, as they are; None where they cannot be opened any more: they are declared anew."""
    if row.sealed_secrets is None:
        return {}
    try:
        opened: dict[str, str] = json.loads(SEALED_SECRETS.open(sealer, row.name, row.sealed_secrets))
    except SealBroken:
        return None
    return opened
