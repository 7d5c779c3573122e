"""The wire between worker and edge breaks in the middle of streams."""

import asyncio

import aiohttp
from redis.asyncio import Redis

from tests.acceptance.asking import CHAT, STREAM, chunks, said
from tests.acceptance.exposition import edge_metrics
from tests.product import Product
from tests.upstream import wire
from tests.upstream.script import Script
from tests.upstream.server import Upstream

STREAMS = 5


async def test_streams_go_on_whole_when_the_wire_is_cut(
    product: Product, api: aiohttp.ClientSession, upstream: Upstream, redis: Redis
) -> None:
    script = Script(tokens=80, gap=0.025)
    upstream.always(script)
    filled = (await edge_metrics(product)).value("jan_relay_frames_total", way="filled")

    async def ask() -> str:
        async with api.post(CHAT, json=STREAM) as answer:
            return await answer.text()

    async with asyncio.TaskGroup() as tasks:
        streams = [tasks.create_task(ask()) for _ in range(STREAMS)]
        for cut in (15, 45):
            await _have_sent(upstream, cut)
            assert await redis.client_kill_filter(_type="pubsub") >= 1

    for stream in streams:
        text = stream.result()
        assert said(text) == wire.text(script)
        assert [chunk["x_seq"] for chunk in chunks(text)] == list(range(82))
    assert (await edge_metrics(product)).value("jan_relay_frames_total", way="filled") > filled


async def _have_sent(upstream: Upstream, payloads: int) -> None:
    """Wait until the provider has sent so much of each stream."""
    await upstream.asked(STREAMS)
    async with asyncio.timeout(10):
        while min(request.sent for request in upstream.chats) < payloads:
            await asyncio.sleep(0.01)
