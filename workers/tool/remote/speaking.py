"""Conversations with a server: connect, agree on a protocol, list its tools, call one."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from functools import lru_cache
from typing import Any, TypeVar

import httpx2
import mcp_types as types
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import ValidationError

from contracts.tools.spec import ToolProgress
from infra.outgoing.connecting import Targets
from workers.tool.ports import Tell
from workers.tool.remote.networking import OwnTransport
from workers.tool.remote.program import hidden, running_program
from workers.tool.remote.server import Server
from workers.tool.remote.watching import RemoteTrouble, Watch

GOODBYE = 1.0
"""Seconds."""
PAGES = 100
"""Of a list of tools."""
WHO = types.Implementation(name="jan-server", version="1")
BROKEN = "it does not speak the protocol as it should"
ValueT = TypeVar("ValueT")


class RefusedByServer(RemoteTrouble):
    """The server works, and answered with an error of the protocol."""

    is_its_fault = False


class Speech:
    """A conversation that is going on."""

    def __init__(self, server: Server, client: Client, watch: Watch) -> None:
        self._server = server
        self._client = client
        self._watch = watch

    async def tools(self, most: int) -> Sequence[types.Tool]:
        """All tools that it lists. Raises RemoteTrouble, also where they are more than `most`."""
        return await self._told(self._tools(most))

    async def call(
        self, name: str, arguments: dict[str, Any], tell: Tell | None = None
    ) -> types.CallToolResult:
        """What a tool brings. Raises RemoteTrouble."""
        return await self._told(self._call(name, arguments, tell))

    async def ended(self) -> None:
        """Until something is wrong."""
        await self._watch.over()

    @property
    def is_over(self) -> bool:
        """Whether something is wrong."""
        return self._watch.is_over

    async def _tools(self, most: int) -> Sequence[types.Tool]:
        tools: list[types.Tool] = []
        cursor: str | None = None
        for _ in range(PAGES):
            page = await self._client.list_tools(cursor=cursor, cache_mode="bypass")
            tools += page.tools
            if len(tools) > most:
                raise RemoteTrouble(f"it lists more than {most} tools")
            cursor = page.next_cursor
            if cursor is None:
                return tools
        raise RemoteTrouble("its list of tools does not end")

    async def _call(self, name: str, arguments: dict[str, Any], tell: Tell | None) -> types.CallToolResult:
        async def told(progress: float, total: float | None, message: str | None) -> None:
            if tell is not None:
                told_message = message and hidden(message, self._server.hidden)
                tell(ToolProgress(progress=progress, total=total, message=told_message))

        params = types.CallToolRequestParams(name=name, arguments=arguments)
        request = types.CallToolRequest(params=params)
        return await self._client.session.send_request(request, types.CallToolResult, progress_callback=told)

    async def _say_goodbye(self) -> None:
        """Wait a moment until the server knows that a call is cancelled; newer ones see the stream end."""
        if self._server.url is None or self._client.protocol_version in MODERN_PROTOCOL_VERSIONS:
            return
        with suppress(TimeoutError, asyncio.CancelledError):
            async with asyncio.timeout(GOODBYE):
                await self._watch.has_cancelled.wait()

    async def _told(self, work: Coroutine[Any, Any, ValueT]) -> ValueT:
        try:
            return await self._watch.during(work)
        except asyncio.CancelledError:
            await self._say_goodbye()
            raise
        except MCPError as error:
            self._watch.check()
            said = hidden(error.error.message, self._server.hidden)
            kind = RemoteTrouble if error.error.code in OUR_CODES else RefusedByServer
            raise kind(f"it answered with an error: {said}") from None  # its cause may hold secrets
        except (ValidationError, RuntimeError) as error:
            raise RemoteTrouble(BROKEN) from error


OUR_CODES = frozenset({types.CONNECTION_CLOSED, types.PARSE_ERROR, types.INTERNAL_ERROR})
"""Of errors that the SDK makes up where there was no answer."""


@asynccontextmanager
async def speech_with(server: Server, *, connect_timeout: float, most: int) -> AsyncIterator[Speech]:
    """A conversation, until the block ends. Raises RemoteTrouble where none comes about.

    `connect_timeout`: seconds to reach the server and agree; `most`: bytes of one answer.
    """
    watch = Watch(most)
    entered = False
    try:
        async with asyncio.timeout(None) as limit:
            limit.reschedule(asyncio.get_running_loop().time() + connect_timeout)
            transport = (
                _program(server, watch) if server.url is None else _http(server, watch, connect_timeout)
            )
            async with Client(transport, client_info=WHO, cache=None) as client:
                limit.reschedule(None)
                entered = True
                yield Speech(server, client, watch)
    except RemoteTrouble:
        raise
    except TimeoutError as error:
        if entered:
            raise
        watch.check()
        raise RemoteTrouble(f"it did not answer within {connect_timeout:g} seconds") from error
    except Exception as error:
        if entered and not isinstance(error, (ExceptionGroup, MCPError, httpx2.HTTPError)):
            raise
        watch.check()
        raise RemoteTrouble(_reason(error)) from None  # its cause may hold secrets


@asynccontextmanager
async def _http(server: Server, watch: Watch, seconds: float) -> AsyncIterator[Any]:
    url = server.url or ""
    transport = OwnTransport(url, Targets(server.policy), watch, _tls())
    async with (
        httpx2.AsyncClient(
            transport=transport,
            headers=dict(server.secrets),
            timeout=httpx2.Timeout(seconds, read=None),
            trust_env=False,
            follow_redirects=False,
        ) as http,
        streamable_http_client(url, http_client=http, max_sse_event_size=watch.most) as streams,
    ):
        yield streams


@asynccontextmanager
async def _program(server: Server, watch: Watch) -> AsyncIterator[Any]:
    async with (
        running_program(server.name, server.command, server.secrets, watch) as program,
        program.streams() as streams,
    ):
        yield streams


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def _reason(error: Exception) -> str:
    if isinstance(error, ExceptionGroup):
        return _reason(error.exceptions[0])
    if isinstance(error, RemoteTrouble):
        return str(error)
    if isinstance(error, OSError):
        return "its program cannot be started"
    if isinstance(error, httpx2.TransportError):
        return "it cannot be reached"
    return BROKEN
