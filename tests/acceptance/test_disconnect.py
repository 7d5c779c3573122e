"""A client that leaves stops the work that was done for it."""

import asyncio

import aiohttp

from tests.upstream.script import Script
from tests.upstream.server import Upstream

BODY = {"model": "scripted", "messages": [{"role": "user", "content": "hi"}]}
CHAT = "/v1/chat/completions"


async def test_leaving_in_the_middle_of_a_stream_frees_the_provider(
    api: aiohttp.ClientSession, upstream: Upstream
) -> None:
    upstream.always(Script(tokens=50, hold=3))

    answer = await api.post(CHAT, json={**BODY, "stream": True})
    await answer.content.readline()
    answer.close()

    await (await upstream.asked()).gone()


async def test_leaving_before_a_whole_answer_frees_the_provider(
    api: aiohttp.ClientSession, upstream: Upstream
) -> None:
    upstream.always(Script(hold=-1))

    asking = asyncio.create_task(api.post(CHAT, json=BODY))
    request = await upstream.asked()
    asking.cancel()

    await request.gone()
