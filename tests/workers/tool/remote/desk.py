"""Calls of remote tools without a worker."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from contracts.tools.spec import ToolProgress, ToolResult, ToolSpec
from infra.settings.mcp import McpSettings
from workers.tool.ports import Call
from workers.tool.remote.contact import Contact
from workers.tool.remote.naming import spec_of
from workers.tool.remote.server import Server
from workers.tool.remote.tool import RemoteTool

MOST = 1_000_000
QUICK = McpSettings(connect_timeout=5, list_timeout=5, breaker_failures=3, breaker_pause=30)


@asynccontextmanager
async def contacted(server: Server, settings: McpSettings = QUICK) -> AsyncIterator[Contact]:
    """The way to a server, closed after the block."""
    contact = Contact(server, settings, MOST)
    try:
        yield contact
    finally:
        await contact.close()


async def listed(contact: Contact) -> dict[str, ToolSpec]:
    """What it offers now."""
    async with contact.speech() as speech:
        return {tool.name: spec_of(tool, None) for tool in await speech.tools(100)}


async def called(
    contact: Contact, spec: ToolSpec, arguments: dict[str, Any] | None = None,
    told: list[ToolProgress] | None = None, seconds: float = 10,
) -> ToolResult:  # fmt: skip
    """What one call brings; TimeoutError after `seconds`, as the handler has it."""
    deadline = asyncio.get_running_loop().time() + seconds
    tell = (lambda progress: None) if told is None else told.append
    call = Call("job_1", "tenant", "user", arguments or {}, deadline, tell=tell)
    async with asyncio.timeout_at(deadline):
        return await RemoteTool(spec, contact, QUICK).call(call)
