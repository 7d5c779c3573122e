"""Scripted search engines: Serper's and SearXNG's JSON over real sockets, and every way to misbehave.

async with open_engines() as engines:
    engines.serper_url, engines.searxng_url          # what settings take
    engines.next("serper", Script(status=503))       # the next answer of one; then as usual
    engines.always("searxng", Script(fault="hang"))  # all of them
    engines.requests                                 # what was asked, in order
    await engines.asked(2)                           # the second request, waiting for it
    await engines.gone()                             # a client that was left hanging closed its connection
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from tests.engines.answers import usual
from tests.engines.script import Request, Script

PATIENCE = 20.0
PIECE = b" " * 65_536


class Engines:
    """Both, at one address."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[Request] = []
        self._queues: defaultdict[str, deque[Script]] = defaultdict(deque)
        self._usual: dict[str, Script] = {}
        self._left = 0
        self._changed = asyncio.Condition()

    @property
    def serper_url(self) -> str:
        """Where Serper is asked."""
        return f"{self.url}/serper/search"

    @property
    def searxng_url(self) -> str:
        """SearXNG's address, without the path of its search."""
        return f"{self.url}/searxng"

    @property
    def order(self) -> list[str]:
        """Who was asked, in order."""
        return [request.engine for request in self.requests]

    def next(self, engine: str, *scripts: Script) -> None:
        """How one answers its next requests."""
        self._queues[engine].extend(scripts)

    def always(self, engine: str, script: Script) -> None:
        """How one answers from now on."""
        self._usual[engine] = script

    async def asked(self, count: int = 1) -> Request:
        """The `count`th request, waiting for it."""
        await self._until(lambda: len(self.requests) >= count)
        return self.requests[count - 1]

    async def gone(self, count: int = 1) -> None:
        """Wait until so many clients have left a connection on which nothing came."""
        await self._until(lambda: self._left >= count)

    async def on_serper(self, request: web.Request) -> web.StreamResponse:
        """Serper's own path."""
        return await self._answer(Request("serper", dict(request.headers), await request.json()), request)

    async def on_searxng(self, request: web.Request) -> web.StreamResponse:
        """SearXNG's own path."""
        form = {name: str(value) for name, value in (await request.post()).items()}
        return await self._answer(Request("searxng", dict(request.headers), form), request)

    async def _answer(self, asked: Request, request: web.Request) -> web.StreamResponse:
        queue = self._queues[asked.engine]
        script = queue.popleft() if queue else self._usual.get(asked.engine, Script())
        async with self._changed:
            self.requests.append(asked)
            self._changed.notify_all()
        if script.gate is not None:
            await script.gate.wait()
        if script.fault is not None:
            return await self._misbehave(script, request)
        if isinstance(script.body, bytes):
            return web.Response(status=script.status, body=script.body, headers=script.headers)
        body = usual(asked, script) if script.body is None else script.body
        return web.json_response(body, status=script.status, headers=script.headers)

    async def _misbehave(self, script: Script, request: web.Request) -> web.StreamResponse:
        transport = request.transport
        assert transport is not None
        match script.fault:
            case "hang":
                await self._hang()
            case "not_http":
                transport.write(b"220 smtp.example ready\r\n\r\n")
                transport.close()
            case "cut":
                response = web.StreamResponse(headers={"Content-Length": "1000"})
                await response.prepare(request)
                await response.write(b'{"organic": [')
                transport.close()
                return response
            case "endless":
                return await _endless(request)
            case _:
                transport.abort()
        return web.Response()

    async def _hang(self) -> None:
        try:
            await asyncio.Event().wait()
        finally:  # cancelled when its client leaves
            self._left += 1
            async with self._changed:
                self._changed.notify_all()

    async def _until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE), self._changed:
            await self._changed.wait_for(holds)


async def _endless(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(PIECE)


@asynccontextmanager
async def open_engines(port: int = 0) -> AsyncIterator[Engines]:
    """Listening on a port, a free one by default, until the block ends."""
    engines = Engines()
    app = web.Application()
    app.router.add_post("/serper/search", engines.on_serper)
    app.router.add_post("/searxng/search", engines.on_searxng)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.5)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    host, taken = runner.addresses[0][:2]
    engines.url = f"http://{host}:{taken}"
    try:
        yield engines
    finally:
        await runner.cleanup()
