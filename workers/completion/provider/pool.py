"""The connections to one provider.

A kept connection may be closed by its server just as a request is written to it: llama.cpp does so after
every stream, although it promises to keep it. Such a request is asked again: it went out on a used
connection, and that was lost at once, before a byte of an answer.
"""

import asyncio
import io
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import SimpleNamespace

from aiohttp import (
    ClientError,
    ClientOSError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    ServerDisconnectedError,
    TCPConnector,
    TraceConfig,
    TraceConnectionReuseconnParams,
)

from infra.settings import ProviderSettings
from workers.completion.provider.trouble import no_answer

KEEP_ALIVE = 4.0
"""Seconds that an idle connection is kept; many servers close it after 5."""
TRIES = 3
"""Of one request, all but the last on a used connection that turned out to be closed."""
ANTHROPIC_VERSION = "2023-06-01"
AT_ONCE = 1.0
"""Seconds in which a connection that was closed before is found out; later, the provider has been at work."""


Connect = Callable[..., TCPConnector]
"""Makes a connector, which may refuse addresses; its arguments are aiohttp's."""


@dataclass
class Try:
    """One try to ask."""

    began: float
    reused: bool = False


class Pool:
    """Asks a provider over connections that are kept for the next request."""

    def __init__(self, session: ClientSession, base: str) -> None:
        self._session = session
        base, _, query = base.partition("?")
        self._base = base.rstrip("/")
        self._query = f"?{query}" if query else ""
        self._loop = asyncio.get_running_loop()

    async def get(self, path: str, headers: dict[str, str]) -> ClientResponse:
        """The answer to a GET, its body unread. Raises ApiError when there is none."""
        try:
            return await self._session.get(self._url(path), headers=headers, allow_redirects=False)
        except ClientError as error:
            raise no_answer(error) from error

    async def post(self, path: str, body: bytes, headers: dict[str, str]) -> ClientResponse:
        """The answer to a POST, its body unread. Raises ApiError when there is none."""
        left = TRIES
        while True:
            left -= 1
            this = Try(self._loop.time())
            try:
                return await self._session.post(
                    self._url(path),
                    data=io.BytesIO(body),  # aiohttp warns of plain bytes over 1 MiB
                    headers=headers,
                    allow_redirects=False,
                    trace_request_ctx=this,
                )
            except ClientError as error:
                if not left or not self._was_closed_before(this, error):
                    raise no_answer(error) from error

    def _url(self, path: str) -> str:
        """A path behind the base, whose query, as Azure's `api-version`, stays behind it."""
        if self._query and "?" in path:
            return f"{self._base}{path}&{self._query[1:]}"
        return self._base + path + self._query

    def _was_closed_before(self, this: Try, error: ClientError) -> bool:
        lost = isinstance(error, ServerDisconnectedError | ClientOSError)
        return this.reused and lost and self._loop.time() - this.began < AT_ONCE


@asynccontextmanager
async def open_pool(settings: ProviderSettings, connect: Connect = TCPConnector) -> AsyncIterator[Pool]:
    """Connections to a provider, which are closed at the end."""
    headers = {"User-Agent": "jan-server", "Content-Type": "application/json"} | _credentials(settings)
    reuse = TraceConfig()
    reuse.on_connection_reuseconn.append(_note_reuse)
    async with ClientSession(
        connector=connect(limit=settings.max_connections, keepalive_timeout=KEEP_ALIVE),
        headers=headers,
        timeout=ClientTimeout(total=None, connect=settings.connect_timeout),
        cookie_jar=DummyCookieJar(),
        trace_configs=[reuse],
    ) as session:
        yield Pool(session, settings.url)


async def _note_reuse(
    _session: ClientSession, context: SimpleNamespace, _params: TraceConnectionReuseconnParams
) -> None:
    if isinstance(context.trace_request_ctx, Try):
        context.trace_request_ctx.reused = True


def _credentials(settings: ProviderSettings) -> dict[str, str]:
    """The header of the key, as this provider wants it, and Anthropic's version."""
    headers = {"anthropic-version": ANTHROPIC_VERSION} if settings.protocol == "anthropic" else {}
    if settings.key is None or settings.auth == "none":
        return headers
    key = settings.key.get_secret_value()
    return headers | (
        {"Authorization": f"Bearer {key}"} if settings.auth == "bearer" else {settings.auth: key}
    )
