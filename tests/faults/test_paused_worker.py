"""A worker stands still for longer than its lease, another takes its job over, and then it wakes."""

import asyncio
import json
import signal

import aiohttp
import pytest

from contracts.frames import is_terminal
from contracts.ids import job_id_of
from infra.relay.log import LogReader
from tests.acceptance.asking import CHAT, HELLO, STREAM
from tests.acceptance.waiting import LIMIT, until
from tests.product import Product
from tests.upstream import wire
from tests.upstream.script import Script
from tests.upstream.server import Upstream

HELD_EARLY = Script(tokens=6, hold=0)
AGAIN = Script(tokens=3)


@pytest.mark.timeout(120)
async def test_a_whole_answer_of_a_paused_worker_is_made_by_another_and_what_it_says_when_it_wakes_is_refused(
    hurt: Product, api: aiohttp.ClientSession, upstream: Upstream, logs: LogReader
) -> None:
    paused = hurt.workers[0]
    upstream.next(HELD_EARLY)
    upstream.always(AGAIN)
    asking = asyncio.create_task(ask(api, HELLO))
    held = await upstream.asked()
    paused.process.send_signal(signal.SIGSTOP)
    try:
        await hurt.add_worker()
        answer = json.loads(await asking)
        held.release()  # what the provider says now is read by nobody but the woken worker
    finally:
        paused.process.send_signal(signal.SIGCONT)
    job_id = job_id_of(answer["id"]) or ""
    await woken(hurt, api, upstream)

    frames = await logs.whole(job_id)
    assert answer["choices"][0]["message"]["content"] == wire.text(AGAIN)
    assert [is_terminal(frame) for frame in frames] == [True]


@pytest.mark.timeout(120)
async def test_a_stream_of_a_paused_worker_ends_once_and_nothing_is_added_when_it_wakes(
    hurt: Product, api: aiohttp.ClientSession, upstream: Upstream, logs: LogReader
) -> None:
    paused = hurt.workers[0]
    upstream.next(Script(tokens=8, hold=4))
    upstream.always(AGAIN)
    seen = asyncio.Event()
    asking = asyncio.create_task(ask(api, STREAM, seen))
    held = await upstream.asked()
    await asyncio.wait_for(seen.wait(), LIMIT)
    paused.process.send_signal(signal.SIGSTOP)
    try:
        await hurt.add_worker()
        text = await asking
        held.release()
    finally:
        paused.process.send_signal(signal.SIGCONT)
    await woken(hurt, api, upstream)

    *shown, last = [line.removeprefix("data: ") for line in text.split("\n") if line.startswith("data: ")]
    frames = await logs.whole(job_id_of(json.loads(shown[0])["id"]) or "")
    assert json.loads(last)["error"]["code"] == "worker_lost"
    assert [json.loads(one)["x_seq"] for one in shown] == list(range(len(shown)))
    assert [is_terminal(frame) for frame in frames] == [False] * len(shown) + [True]


async def woken(product: Product, api: aiohttp.ClientSession, upstream: Upstream) -> None:
    """Wait until the woken worker has found out that its job is another's: it does new ones again."""

    async def are_ready() -> bool:
        return all([await is_ready(api, worker.server.address) for worker in product.workers])

    await until(are_ready)
    for _ in range(4):
        await ask(api, HELLO)


async def is_ready(api: aiohttp.ClientSession, address: str) -> bool:
    """Whether a worker's probe says so."""
    try:
        async with api.get(f"{address}/readyz") as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


async def ask(api: aiohttp.ClientSession, body: dict[str, object], seen: asyncio.Event | None = None) -> str:
    """The whole text of an answer; `seen` is set when something of it is visible."""
    text = b""
    async with api.post(CHAT, json=body, timeout=aiohttp.ClientTimeout(2 * LIMIT)) as answer:
        assert answer.status == 200, await answer.text()
        async for data in answer.content.iter_any():
            text += data
            if seen is not None and b"t2 " in text:
                seen.set()
    return text.decode()
