"""The conformance suite of the Model Context Protocol, against our endpoint.

Its scenarios of single features call tools, prompts and resources of the suite's own test server, which no
other server has. Those of the protocol itself must pass, for the newest version and for the one before.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from infra.settings import inherited_environment
from tests.acceptance.javascript import FOLDER, node_program
from tests.product import Product

pytestmark = [pytest.mark.stack, pytest.mark.usefixtures("tool_worker"), pytest.mark.timeout(300)]

PACKAGE = "@modelcontextprotocol/conformance"
SUMMARY = re.compile(r"^([✓✗]) ([\w-]+): \d+ passed", re.MULTILINE)
PASSING = {
    "2025-11-25": {
        *("server-initialize", "ping", "tools-list", "dns-rebinding-protection"),
        *("server-sse-multiple-streams", "server-session-lifecycle", "server-sse-polling"),
    },
    "2026-07-28": {
        *("tools-list", "dns-rebinding-protection", "server-sse-multiple-streams"),
        *("sep-2164-resource-not-found", "http-header-validation"),
        *("input-required-result-missing-input-response", "input-required-result-unsupported-methods"),
        *("input-required-result-ignore-extra-params", "input-required-result-validate-input"),
    },
}
RUN_LIMIT = 240
HOP_BY_HOP = frozenset({"host", "content-length", "transfer-encoding", "content-encoding", "connection"})


@asynccontextmanager
async def signing_proxy(product: Product, token: str) -> AsyncIterator[str]:
    """An address that leads to the product with a credential: the suite sends none of its own."""

    async def handle(request: web.Request) -> web.StreamResponse:
        headers = {name: value for name, value in request.headers.items() if name.lower() not in HOP_BY_HOP}
        headers["Authorization"] = f"Bearer {token}"
        async with session.request(
            request.method, request.rel_url.path_qs, headers=headers, data=await request.read()
        ) as answer:
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in HOP_BY_HOP}
            response = web.StreamResponse(status=answer.status, headers=kept)
            await response.prepare(request)
            async for piece in answer.content.iter_any():
                await response.write(piece)
            return response

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app, handle_signals=False)
    async with aiohttp.ClientSession(product.url, auto_decompress=False) as session:
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()


@pytest.mark.parametrize("revision", PASSING)
async def test_the_scenarios_of_the_protocol_itself_pass(
    product: Product, token: str, revision: str, tmp_path: Path
) -> None:
    node = node_program(PACKAGE)
    program = FOLDER / "node_modules" / PACKAGE / "dist" / "index.js"

    async with signing_proxy(product, token) as url:
        output = await run(
            node,
            str(program),
            "server",
            "--url",
            f"{url}/v1/mcp",
            "--requirements",
            revision,
            folder=tmp_path,
        )

    outcomes = {name: mark == "✓" for mark, name in SUMMARY.findall(output)}
    assert {name for name in PASSING[revision] if not outcomes.get(name)} == set(), output[-4_000:]


async def run(*command: str, folder: Path) -> str:
    """What a program prints."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env=inherited_environment(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(RUN_LIMIT):
            return (await process.communicate())[0].decode()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
