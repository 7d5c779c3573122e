"""MCP servers to be called: a real one of the SDK over HTTP and as a program, and raw ones that misbehave."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvicorn
from aiohttp import web
from mcp.server.mcpserver import Context, MCPServer

from infra.outgoing.addresses import AddressPolicy
from workers.tool.remote.server import Server

SECRET = "canary-5e1f0c7a9b3d"  # noqa: S105  what must leak nowhere
PROGRAM = (sys.executable, str(Path(__file__).with_name("program.py")))
Answer = Callable[[web.Request, dict[str, Any]], Awaitable[web.StreamResponse]]
ECHO = {
    "name": "echo",
    "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
}


def at(url: str | None, **changes: Any) -> Server:
    """A trusted server of this address."""
    trusted = AddressPolicy(allows_all=True)
    return Server(**{"name": "other", "revision": 1, "url": url, "command": (), "policy": trusted, **changes})


def program(*arguments: str, **changes: Any) -> Server:
    """A trusted server that is a program."""
    return at(None, command=(*PROGRAM, *arguments), **changes)


def real_server() -> MCPServer:
    """A server with tools that echo, tell how far they are, fail, and hang."""
    server = MCPServer("real")

    @server.tool()
    def echo(text: str) -> dict[str, str]:
        return {"text": text}

    @server.tool()
    async def steps(context: Context) -> str:
        await context.report_progress(1, 2, "half")
        await context.report_progress(2, 2, "done")
        return "stepped"

    @server.tool()
    def fails() -> str:
        message = "it is broken"
        raise ValueError(message)

    @server.tool()
    async def hangs() -> str:
        await asyncio.Event().wait()
        return "never"

    return server


@asynccontextmanager
async def real_http() -> AsyncIterator[str]:
    """The real server over HTTP; its URL."""
    config = uvicorn.Config(real_server().streamable_http_app(), port=0, log_level="critical", ws="none")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        server.should_exit = server.force_exit = True
        await serving


class Raw:
    """A server that does what a test says when a tool is called, and remembers what came."""

    def __init__(self) -> None:
        self.tools: list[dict[str, Any]] = [ECHO]
        self.on_call: Answer | None = None
        self.on_list: Answer | None = None
        self.seen: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.cancelled = asyncio.Event()
        self.called = asyncio.Event()

    async def answer(self, request: web.Request) -> web.StreamResponse:  # noqa: PLR0911  one for each method
        """One message."""
        self.headers.append(dict(request.headers))
        if request.method != "POST":
            return web.Response(status=405)
        message = json.loads(await request.text())
        method = message.get("method", "")
        self.seen.append(method)
        if method == "notifications/cancelled":
            self.cancelled.set()
        if "id" not in message:
            return web.Response(status=202)
        if method == "initialize":
            return said(message, {
                "protocolVersion": "2025-06-18", "capabilities": {"tools": {}},
                "serverInfo": {"name": "raw", "version": "1"},
            })  # fmt: skip
        if method == "tools/list":
            return (
                await self.on_list(request, message) if self.on_list else said(message, {"tools": self.tools})
            )
        if method == "tools/call":
            self.called.set()
            if self.on_call is not None:
                return await self.on_call(request, message)
            return said(message, {"content": [{"type": "text", "text": "fine"}]})
        return web.json_response(
            {"jsonrpc": "2.0", "id": message["id"], "error": {"code": -32601, "message": "no such method"}}
        )


def said(message: dict[str, Any], result: dict[str, Any]) -> web.Response:
    """A result."""
    return web.json_response({"jsonrpc": "2.0", "id": message["id"], "result": result})


@asynccontextmanager
async def raw_http(raw: Raw) -> AsyncIterator[str]:
    """A raw server; its URL."""
    app = web.Application()
    app.router.add_route("*", "/mcp", raw.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/mcp"
    finally:
        await runner.cleanup()
