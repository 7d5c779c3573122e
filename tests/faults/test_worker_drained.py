"""A worker is told to stop while it works: what can end in time ends, the rest goes to the next worker."""

import asyncio
import json
import signal

import aiohttp

from infra.embedded.child import has_ended_within
from tests.acceptance.asking import CHAT, HELLO, STREAM, Json, said
from tests.acceptance.waiting import LIMIT
from tests.product import Product
from tests.upstream import wire
from tests.upstream.script import Script
from tests.upstream.server import Upstream

RUNNING = Script(tokens=9, hold=4)
ENDLESS = Script(tokens=9, hold=-1)
AGAIN = Script(tokens=3)
STREAMS = 24


async def test_a_drained_worker_ends_its_streams_and_hands_back_what_lasts_too_long(
    hurt: Product, api: aiohttp.ClientSession, upstream: Upstream
) -> None:
    worker = hurt.workers.pop()
    upstream.next(RUNNING, ENDLESS)
    upstream.always(AGAIN)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(ask(api, STREAM))
        held = await upstream.asked()
        endless = tasks.create_task(ask(api, HELLO))
        await upstream.asked(2)
        worker.process.send_signal(signal.SIGTERM)
        held.release()
        text = await running
        was_there = not worker.has_ended()
        has_ended = await has_ended_within(worker, LIMIT)
        await hurt.add_worker()

    assert said(text) == wire.text(RUNNING)
    assert was_there
    assert has_ended
    assert worker.process.returncode == 0
    assert json.loads(endless.result())["choices"][0]["message"]["content"] == wire.text(AGAIN)


async def test_a_worker_that_joins_disturbs_no_running_stream(
    hurt: Product, api: aiohttp.ClientSession, upstream: Upstream
) -> None:
    upstream.next(*[RUNNING] * STREAMS)
    upstream.always(AGAIN)
    async with asyncio.TaskGroup() as tasks:
        streams = [tasks.create_task(ask(api, STREAM)) for _ in range(STREAMS)]
        await upstream.asked(STREAMS)
        await hurt.add_worker()
        for _ in range(STREAMS):  # whoever does these has looked at all that lies before them
            await ask(api, HELLO)
        for request in upstream.chats:
            request.release()

    assert len(upstream.chats) == 2 * STREAMS
    assert {said(stream.result()) for stream in streams} == {wire.text(RUNNING)}


async def ask(api: aiohttp.ClientSession, body: Json) -> str:
    """The whole text of a good answer."""
    async with api.post(CHAT, json=body, timeout=aiohttp.ClientTimeout(2 * LIMIT)) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.text()
