"""Tools, as admins look after them."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import re2

from api_edge.errors import shown
from api_edge.middleware.paging import PageAsk, page_of
from contracts.errors import ApiError, ErrorCode
from contracts.tools.builtin import BUILT_IN
from contracts.tools.spec import ToolSpec
from contracts.wire.admin_tools import AdminTool, AdminToolPatch, TenantLimit, TenantLimitAsk
from contracts.wire.lists import Page
from contracts.wire.mcp import annotations_of
from infra.database import Database, Transaction
from infra.notices import Notices
from infra.store.audit import Actor, note_change
from infra.store.mcp_tools import BUILT_IN as OURS
from infra.store.mcp_tools import (
    McpLimitRow,
    McpToolRow,
    all_limits,
    all_tools,
    drop_limit,
    keep_limit,
    limits_of,
    locked_tool,
    offer_tool,
)
from infra.tools.reading import tell_changed

COLUMNS = {
    "is_active": "is_enabled",
    "description": "description",
    "category": "category",
    "metadata": "meta",
    "disallowed_keywords": "disallowed",
    "calls_per_minute": "per_minute",
    "timeout_seconds": "seconds",
}
EMPTY: dict[str, Any] = {"metadata": {}, "disallowed_keywords": []}
"""What null makes of a field that is never null."""


class UnknownTool(ApiError):
    """There is no tool of this name."""

    def __init__(self) -> None:
        super().__init__(ErrorCode.NOT_FOUND, "There is no such tool")


@dataclass(frozen=True)
class AdminTools:
    """What is set for tools. Each change is in the audit log, and felt everywhere within a second."""

    database: Database
    notices: Notices

    async def page(self, ask: PageAsk) -> Page[AdminTool]:
        """A part of all tools, by their names. Raises ApiError for an unknown `after`."""
        async with self.database.begin() as session:
            rows = {row.name: row for row in await all_tools(session)}
            limits = await all_limits(session)
        names = sorted({*rows, *BUILT_IN}, reverse=ask.order == "desc")
        if ask.after is not None and ask.after not in names:
            raise ApiError(ErrorCode.INVALID_VALUE, "after is not the name of a tool", param="after")
        first = 0 if ask.after is None else names.index(ask.after) + 1
        shown_names = names[first : first + ask.limit]
        views = [
            _view(name, rows.get(name), [one for one in limits if one.tool == name]) for name in shown_names
        ]
        return page_of(views, len(names) > first + ask.limit, lambda tool: tool.name)

    async def read(self, name: str) -> AdminTool:
        """One tool. Raises UnknownTool."""
        async with self.database.begin() as session:
            return await _read(session, name)

    async def change(self, name: str, patch: AdminToolPatch, by: Actor) -> AdminTool:
        """Change what is given. Raises UnknownTool; ApiError, 400, for what is no pattern."""
        _check(patch.disallowed_keywords or [])
        now = datetime.now(UTC)
        async with self.database.begin() as session:
            row = await _made(session, name, now)
            changes = _take(row, patch)
            if changes:
                row.updated_at = now
                await session.flush()
                note_change(session, by, now, "mcp_tool.update", name, changes)
            view = await _read(session, name)
        if changes:
            await tell_changed(self.notices)
        return view

    async def limit(self, name: str, tenant: str, ask: TenantLimitAsk, by: Actor) -> AdminTool:
        """Set what differs for a tenant. Raises UnknownTool."""
        now = datetime.now(UTC)
        async with self.database.begin() as session:
            await _made(session, name, now)
            row = McpLimitRow(
                tool=name, tenant=tenant, is_allowed=ask.is_allowed, per_minute=ask.calls_per_minute
            )
            await keep_limit(session, row)
            change = {tenant: [None, ask.model_dump()]}
            note_change(session, by, now, "mcp_tool.limit", name, change)
            view = await _read(session, name)
        await tell_changed(self.notices)
        return view

    async def unlimit(self, name: str, tenant: str, by: Actor) -> AdminTool:
        """Nothing differs for a tenant any more. Raises UnknownTool; ApiError, 404, where nothing did."""
        now = datetime.now(UTC)
        async with self.database.begin() as session:
            await _made(session, name, now)
            if not await drop_limit(session, name, tenant):
                raise ApiError(ErrorCode.NOT_FOUND, "Nothing differs for this tenant")
            note_change(session, by, now, "mcp_tool.limit", name, {tenant: ["limited", None]})
            view = await _read(session, name)
        await tell_changed(self.notices)
        return view


async def _made(session: Transaction, name: str, now: datetime) -> McpToolRow:
    """A tool's row, to be changed; made now for a built-in one without. Raises UnknownTool."""
    row = await locked_tool(session, name)
    if row is None and name in BUILT_IN:
        await offer_tool(session, OURS, name, BUILT_IN[name], now)
        row = await locked_tool(session, name)
    if row is None:
        raise UnknownTool
    return row


async def _read(session: Transaction, name: str) -> AdminTool:
    row = await locked_tool(session, name)
    if row is None and name not in BUILT_IN:
        raise UnknownTool
    return _view(name, row, await limits_of(session, name))


def _take(row: McpToolRow, patch: AdminToolPatch) -> dict[str, Any]:  # fields, by their names
    changes: dict[str, Any] = {}
    given = patch.model_dump()
    for name in patch.model_fields_set & COLUMNS.keys():
        value = EMPTY.get(name) if given[name] is None else given[name]
        if getattr(row, COLUMNS[name]) != value:
            changes[name] = [getattr(row, COLUMNS[name]), value]
            setattr(row, COLUMNS[name], value)
    return changes


def _check(patterns: list[str]) -> None:
    for pattern in patterns:
        try:
            re2.compile(pattern)
        except re2.error as error:
            message = f"disallowed_keywords: {shown(pattern)!r} is no RE2 pattern"
            raise ApiError(ErrorCode.INVALID_VALUE, message, param="disallowed_keywords") from error


def _view(name: str, known: McpToolRow | None, limits: list[McpLimitRow]) -> AdminTool:
    spec = BUILT_IN.get(name) or ToolSpec.model_validate(known.spec if known else {})
    row = known or McpToolRow(name=name, spec={}, server=OURS, updated_at=datetime.now(UTC))
    return AdminTool(
        name=name,
        title=spec.title,
        description=row.description or spec.description,
        own_description=spec.description,
        server=row.server or None,
        is_active=row.is_enabled,
        off_reason=row.off_reason,
        category=row.category,
        metadata=row.meta,
        disallowed_keywords=row.disallowed,
        calls_per_minute=row.per_minute,
        timeout_seconds=row.seconds,
        tenants=[
            TenantLimit(tenant=one.tenant, is_allowed=one.is_allowed, calls_per_minute=one.per_minute)
            for one in limits
        ],
        inputSchema=spec.input_schema,
        outputSchema=spec.output_schema,
        annotations=annotations_of(spec),
        updated_at=None if known is None else known.updated_at,
    )
