"""Every edge and worker is replaced under load: nobody's answer is lost, cut or said twice."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
import pytest

from infra.embedded.child import Child, has_ended_within, stop_child
from tests.acceptance.asking import CHAT, STREAM, said
from tests.acceptance.waiting import LIMIT, until
from tests.product import Product
from tests.upstream import wire
from tests.upstream.script import Script
from tests.upstream.server import Upstream

ANSWER = Script(tokens=25, gap=0.02)
"""Half a second: it fits the grace of every process."""
CLIENTS = 6
LEAST = 2 * CLIENTS
"""Answers that are read before the next process is told to stop, so that each stops under load."""


@dataclass
class Crowd:
    """Clients that ask again and again, at whichever edge takes connections."""

    token: str
    urls: list[str]
    texts: list[str] = field(default_factory=list)
    refused: int = 0

    async def ask_for_ever(self, number: int) -> None:
        """Until cancelled: a request that no edge took is made again; one that was answered must be whole."""
        headers = {"Authorization": f"Bearer {self.token}"}
        connector = aiohttp.TCPConnector(force_close=True)
        async with aiohttp.ClientSession(headers=headers, connector=connector) as session:
            while True:
                number += 1
                await self._ask(session, self.urls[number % len(self.urls)])

    async def _ask(self, session: aiohttp.ClientSession, url: str) -> None:
        try:
            answer = await session.post(url + CHAT, json=STREAM)
        except aiohttp.ClientConnectionError:  # nothing was answered, so nothing was promised
            self.refused += 1
            return
        async with answer:
            assert answer.status == 200, await answer.text()
            self.texts.append(await answer.text())

    async def more(self) -> None:
        """Wait until the crowd has read some more answers."""
        wanted = len(self.texts) + LEAST

        async def are_read() -> bool:
            return len(self.texts) >= wanted

        await until(are_read)


@asynccontextmanager
async def load(crowd: Crowd) -> AsyncIterator[None]:
    """The crowd asks until the block ends, and then hears its last answers out."""
    asking = [asyncio.create_task(crowd.ask_for_ever(number)) for number in range(CLIENTS)]
    try:
        yield
    finally:
        failed = [task for task in asking if task.done()]
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        for task in failed:
            task.result()


async def ended(child: Child) -> int | None:
    """Tell a process to stop, and wait; its exit code."""
    child.process.send_signal(signal.SIGTERM)
    assert await has_ended_within(child, LIMIT)
    return child.process.returncode


@pytest.mark.timeout(180)
async def test_replacing_every_process_under_load_loses_and_cuts_nothing(
    hurt: Product, upstream: Upstream
) -> None:
    upstream.always(ANSWER)
    usual = len(hurt.edges)
    crowd = Crowd(await hurt.token(), [await hurt.add_edge(), await hurt.add_edge()])
    olds = list(zip(hurt.edges[usual:], hurt.urls[usual:], strict=True))
    codes = []
    try:
        async with load(crowd):
            await crowd.more()
            for worker in list(hurt.workers):
                await hurt.add_worker()
                codes.append(await ended(worker))
                await crowd.more()
            for edge, url in olds:
                crowd.urls.append(await hurt.add_edge())
                crowd.urls.remove(url)
                codes.append(await ended(edge))
                await crowd.more()
    finally:
        for child in hurt.edges[usual:]:
            await stop_child(child)
        del hurt.edges[usual:], hurt.urls[usual:]

    assert set(codes) == {0}
    assert len(crowd.texts) >= LEAST * (1 + len(codes))
    assert {said(text) for text in crowd.texts} == {wire.text(ANSWER)}
