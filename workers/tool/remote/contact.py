"""How this worker reaches one server: its breaker, and its program, which is kept running between calls."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from infra.settings import McpSettings
from workers.runtime.breaker import Breaker, BreakerRule
from workers.tool.remote.server import Server
from workers.tool.remote.speaking import Speech, speech_with
from workers.tool.remote.watching import RemoteTrouble


class Contact:
    """One server, as long as it is not changed. A program is started by the first call after it ended."""

    def __init__(self, server: Server, settings: McpSettings, most: int) -> None:
        """`most`: bytes of one answer."""
        self.server = server
        self._settings = settings
        self._most = most
        self._breaker = Breaker(BreakerRule(settings.breaker_failures, settings.breaker_pause))
        self._living: asyncio.Task[None] | None = None
        self._speech: asyncio.Future[Speech] | None = None

    @asynccontextmanager
    async def speech(self, deadline: float | None = None) -> AsyncIterator[Speech]:
        """A conversation, until the block ends. Raises RemoteTrouble, also while the server is left alone.

        `deadline`: loop time; a block that is cancelled then counts as a failure of the server.
        """
        loop, breaker = asyncio.get_running_loop(), self._breaker
        if not breaker.lets_through(loop.time()):
            raise RemoteTrouble("it failed several times and is left alone for a moment")
        breaker.begin(loop.time())
        try:
            async with self._opened() as speech:
                yield speech
        except RemoteTrouble as error:
            breaker.failed(loop.time()) if error.is_its_fault else breaker.succeeded()
            raise
        except asyncio.CancelledError:
            if deadline is not None and loop.time() >= deadline:
                breaker.failed(loop.time())
            raise
        else:
            breaker.succeeded()

    async def close(self) -> None:
        """End its program."""
        if self._living is not None:
            self._living.cancel()
            await asyncio.gather(self._living, return_exceptions=True)

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[Speech]:
        if self.server.url is None:
            yield await self._resident()
            return
        async with self._fresh() as speech:
            yield speech

    @asynccontextmanager
    async def _fresh(self) -> AsyncIterator[Speech]:
        seconds = self._settings.connect_timeout
        async with speech_with(self.server, connect_timeout=seconds, most=self._most) as speech:
            yield speech

    async def _resident(self) -> Speech:
        is_dead = self._living is None or self._living.done()
        speech = self._speech
        if is_dead or speech is None or (_has_come(speech) and speech.result().is_over):
            await self.close()
            speech = self._speech = asyncio.get_running_loop().create_future()
            self._living = asyncio.create_task(self._live(speech))
        return await asyncio.shield(speech)

    async def _live(self, speech: asyncio.Future[Speech]) -> None:
        try:
            async with self._fresh() as fresh:
                speech.set_result(fresh)
                await fresh.ended()
        except RemoteTrouble as error:
            if not speech.done():
                speech.set_exception(error)
        finally:
            speech.cancel()


def _has_come(speech: asyncio.Future[Speech]) -> bool:
    return speech.done() and not speech.cancelled() and speech.exception() is None
