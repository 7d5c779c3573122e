"""Other people's MCP servers, as admins look after them."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from api_edge.middleware.paging import PageAsk, page_of
from contracts.errors import ApiError, ErrorCode
from contracts.wire.admin_mcp_servers import McpServer, McpServerAsk, McpServerFields, McpServerPatch
from contracts.wire.lists import Page
from infra.database import Database, Transaction
from infra.notices import Notices
from infra.outgoing.addresses import AddressPolicy
from infra.outgoing.resolving import checked_name
from infra.outgoing.urls import checked_url
from infra.sealing import Sealer
from infra.store.audit import Actor, note_change
from infra.store.mcp_servers import (
    SEALED_SECRETS,
    McpServerRow,
    all_servers,
    keep_server,
    locked_server,
    server_named,
)
from infra.store.mcp_tools import all_tools, withdraw_tools
from infra.tools.reading import tell_changed
from infra.tools.servers import tell_servers_changed

FILE = "file"
REDACTED = "[redacted]"
COLUMNS = {
    "url": "url",
    "command": "command",
    "allowed_tools": "allowed_tools",
    "timeout_seconds": "seconds",
    "is_active": "is_enabled",
}
MAY_BE_NULL = frozenset({"allowed_tools", "timeout_seconds"})
SECRETS = ("headers", "env")


class UnknownServer(ApiError):
    """There is no server of this name."""

    def __init__(self) -> None:
        super().__init__(ErrorCode.NOT_FOUND, "There is no such MCP server")


@dataclass(frozen=True)
class AdminMcpServers:
    """What an admin does with servers. Each change is in the audit log, and felt within a second."""

    database: Database
    notices: Notices
    sealer: Sealer
    policy: AddressPolicy
    allows_programs: bool
    """Whether admins may have programs run on the worker's machine."""

    async def page(self, ask: PageAsk) -> Page[McpServer]:
        """A part of all servers, by their names. Raises ApiError for an unknown `after`."""
        async with self.database.begin() as session:
            rows = {row.name: row for row in await all_servers(session)}
            tools = await _tools(session)
        names = sorted(rows, reverse=ask.order == "desc")
        if ask.after is not None and ask.after not in rows:
            raise ApiError(ErrorCode.INVALID_VALUE, "after is not the name of a server", param="after")
        first = 0 if ask.after is None else names.index(ask.after) + 1
        views = [_view(rows[name], tools.get(name, [])) for name in names[first : first + ask.limit]]
        return page_of(views, len(names) > first + ask.limit, lambda server: server.name)

    async def read(self, name: str) -> McpServer:
        """One server. Raises UnknownServer."""
        async with self.database.begin() as session:
            row = await server_named(session, name)
            if row is None:
                raise UnknownServer
            return _view(row, (await _tools(session)).get(name, []))

    async def create(self, ask: McpServerAsk, by: Actor) -> McpServer:
        """A new server, whose tools are read at once. Raises ApiError: 409 for a taken name, 400 for an
        address or a program that is refused."""
        await self._check(ask, has_url=ask.url is not None)
        now = datetime.now(UTC)
        transport = "stdio" if ask.command else "http"
        row = McpServerRow(
            name=ask.name, transport=transport, sync_due_at=now, created_at=now, updated_at=now
        )
        changes = self._take(row, ask)
        async with self.database.begin() as session:
            await keep_server(session, row)
            note_change(
                session, by, now, "mcp_server.create", row.name, {"name": [None, row.name], **changes}
            )
        await self._tell()
        return _view(row, [])

    async def change(self, name: str, patch: McpServerPatch, by: Actor) -> McpServer:
        """Change what is given. Raises ApiError: UnknownServer, 409 for one of the file, 400 as above."""
        now = datetime.now(UTC)
        async with self.database.begin() as session:
            row = await self._own(session, name)
            await self._check(patch, has_url=row.transport == "http")
            changes = self._take(row, patch)
            if changes:
                row.revision, row.updated_at, row.sync_due_at = row.revision + 1, now, now
                await session.flush()
                note_change(session, by, now, "mcp_server.update", name, changes)
            if not row.is_enabled:
                await withdraw_tools(session, name, [])
            view = _view(row, (await _tools(session)).get(name, []))
        if changes:
            await self._tell()
        return view

    async def sync(self, name: str, by: Actor) -> McpServer:
        """Let its tools be read now, by a worker. Raises UnknownServer."""
        now = datetime.now(UTC)
        async with self.database.begin() as session:
            row = await locked_server(session, name)
            if row is None:
                raise UnknownServer
            row.sync_due_at = now
            await session.flush()
            note_change(session, by, now, "mcp_server.sync", name, {})
            view = _view(row, (await _tools(session)).get(name, []))
        await self._tell()
        return view

    async def delete(self, name: str, by: Actor) -> None:
        """Forget a server, its secrets, its tools. Raises UnknownServer, ApiError 409 for one of the file."""
        async with self.database.begin() as session:
            row = await self._own(session, name)
            await withdraw_tools(session, name, [])
            await session.delete(row)
            await session.flush()
            note_change(session, by, datetime.now(UTC), "mcp_server.delete", name, {"name": [name, None]})
        await self._tell()

    async def _own(self, session: Transaction, name: str) -> McpServerRow:
        row = await locked_server(session, name)
        if row is None:
            raise UnknownServer
        if row.source == FILE:
            message = f"The server {name!r} is declared in a file; change it there"
            raise ApiError(ErrorCode.CONFLICT, message)
        return row

    async def _check(self, fields: McpServerFields, *, has_url: bool) -> None:
        """Raise ApiError for what leads where this server does not go, or belongs to the other kind."""
        for name, is_fit in (
            ("url", has_url),
            ("headers", has_url),
            ("command", not has_url),
            ("env", not has_url),
        ):
            if getattr(fields, name) and not is_fit:
                message = f"{name} does not fit a server that is {'a url' if has_url else 'a program'}"
                raise ApiError(ErrorCode.INVALID_VALUE, message, param=name)
        if fields.command and not self.allows_programs:
            message = "Programs are not run for the admin API here: JAN_MCP_ALLOW_STDIO, or mcp_servers.yaml"
            raise ApiError(ErrorCode.PERMISSION_DENIED, message, param="command")
        if fields.url:
            parts = checked_url(fields.url, self.policy, param="url")
            await checked_name(parts.hostname or "", self.policy, param="url")

    def _take(self, row: McpServerRow, fields: McpServerFields) -> dict[str, Any]:  # fields, by their names
        """Put what is given into the row; what that changes, with old and new."""
        changes: dict[str, Any] = {}
        for name, column in COLUMNS.items():
            value = getattr(fields, name)
            if name not in fields.model_fields_set or (value is None and name not in MAY_BE_NULL):
                continue
            if getattr(row, column) != value:
                changes[name] = [getattr(row, column), value]
                setattr(row, column, value)
        for name in SECRETS:
            given = getattr(fields, name)
            if given is not None:
                text = json.dumps(given, sort_keys=True)
                row.sealed_secrets = SEALED_SECRETS.seal(self.sealer, row.name, text) if given else None
                row.secret_names = sorted(given)
                changes[name] = [REDACTED, REDACTED]
        return changes

    async def _tell(self) -> None:
        await tell_servers_changed(self.notices)
        await tell_changed(self.notices)


async def _tools(session: Transaction) -> dict[str, list[str]]:
    """The names of other servers' tools, by their servers."""
    found: dict[str, list[str]] = {}
    for tool in await all_tools(session):
        found.setdefault(tool.server, []).append(tool.name)
    return found


def _view(row: McpServerRow, tools: list[str]) -> McpServer:
    return McpServer(
        name=row.name,
        transport="http" if row.transport == "http" else "stdio",
        url=row.url,
        command=row.command,
        secret_names=row.secret_names,
        allowed_tools=row.allowed_tools,
        timeout_seconds=row.seconds,
        is_active=row.is_enabled,
        source=row.source,
        tools=tools,
        last_synced_at=row.synced_at,
        sync_error=row.sync_error,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
