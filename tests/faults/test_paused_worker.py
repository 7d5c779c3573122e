"""A worker stands still for longer than its lease, another takes its job over, and then it wakes.

What its provider said meanwhile reaches it all at once when it wakes; by then its job has ended.
"""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from contracts.events import Failed, Usage
from contracts.frames import attempt_of, is_terminal
from contracts.ids import job_id_of
from infra.relay.log import LogReader
from infra.settings import KafkaSettings
from tests.acceptance.asking import CHAT, HELLO, STREAM, Json, chunks, error_in, payloads, said
from tests.acceptance.waiting import LIMIT
from tests.faults.aftermath import account_of, became_stale, end_of
from tests.product import Product
from tests.upstream import wire
from tests.upstream.script import Script
from tests.upstream.server import Upstream

SILENT = Script(tokens=6, hold=-1)
SPOKEN = Script(tokens=8, hold=4)
AGAIN = Script(tokens=3, word="again")
pytestmark = pytest.mark.timeout(120)


async def test_a_whole_answer_of_a_paused_worker_is_made_by_another_and_what_it_says_when_it_wakes_is_refused(
    hurt: Product, api: aiohttp.ClientSession, upstream: Upstream, logs: LogReader, kafka: KafkaSettings
) -> None:
    async with sleeping(hurt, api, upstream, HELLO, SILENT) as asking:
        answer = json.loads(await asking)
    job_id = job_id_of(answer["id"]) or ""
    await became_stale(hurt.workers[0], job_id)

    assert answer["choices"][0]["message"]["content"] == wire.text(AGAIN)
    assert [is_terminal(frame) for frame in await logs.whole(job_id)] == [True]
    await is_counted_once(hurt, api, kafka, job_id, AGAIN.tokens)


async def test_a_stream_that_had_not_begun_is_its_successors_alone(
    hurt: Product, api: aiohttp.ClientSession, upstream: Upstream, logs: LogReader, kafka: KafkaSettings
) -> None:
    async with sleeping(hurt, api, upstream, STREAM, SILENT) as asking:
        text = await asking
    job_id = job_id_of(chunks(text)[0]["id"]) or ""
    await became_stale(hurt.workers[0], job_id)

    frames = await logs.whole(job_id)
    assert said(text) == wire.text(AGAIN)
    assert [chunk["x_seq"] for chunk in chunks(text)] == list(range(len(frames) - 1))
    assert {attempt_of(frame) for frame in frames} == {2}
    await is_counted_once(hurt, api, kafka, job_id, AGAIN.tokens)


async def test_a_stream_of_a_paused_worker_ends_once_and_nothing_is_added_when_it_wakes(
    hurt: Product, api: aiohttp.ClientSession, upstream: Upstream, logs: LogReader, kafka: KafkaSettings
) -> None:
    async with sleeping(hurt, api, upstream, STREAM, SPOKEN) as asking:
        text = await asking
    *shown, last = [json.loads(payload) for payload in payloads(text)]
    job_id = job_id_of(shown[0]["id"]) or ""
    await became_stale(hurt.workers[0], job_id)

    frames = await logs.whole(job_id)
    assert error_in(last)["code"] == "worker_lost"
    assert [chunk["x_seq"] for chunk in shown] == list(range(4))
    assert [attempt_of(frame) for frame in frames] == [1, 1, 1, 1, 2]
    assert [is_terminal(frame) for frame in frames] == [False] * 4 + [True]
    await is_counted_once(hurt, api, kafka, job_id, tokens=3)


@asynccontextmanager
async def sleeping(
    product: Product, api: aiohttp.ClientSession, upstream: Upstream, body: Json, script: Script
) -> AsyncIterator[asyncio.Task[str]]:
    """An answer whose worker sleeps from the script's hold to the block's end, and another is there."""
    upstream.next(script)
    upstream.always(AGAIN)
    seen = asyncio.Event()
    asking = asyncio.create_task(ask(api, body, seen))
    held = await upstream.asked()
    if script == SPOKEN:
        await asyncio.wait_for(seen.wait(), LIMIT)
    product.workers[0].process.send_signal(signal.SIGSTOP)
    try:
        await product.add_worker()
        yield asking
        held.release()
    finally:
        product.workers[0].process.send_signal(signal.SIGCONT)


async def is_counted_once(
    product: Product, api: aiohttp.ClientSession, kafka: KafkaSettings, job_id: str, tokens: int
) -> None:
    """The topic and the ledger hold one end: the successor's."""
    account = await account_of(product, api, job_id)
    end = await end_of(kafka, job_id)
    assert end.attempt == account["attempts"] == 2
    assert end.usage is not None
    assert end.usage.output_tokens == tokens
    billed = Usage(**account["usage"])
    assert billed.micro_usd
    assert billed.model_copy(update={"micro_usd": None}) == end.usage
    assert account["state"] == ("failed" if isinstance(end, Failed) else "finished")


async def ask(api: aiohttp.ClientSession, body: Json, seen: asyncio.Event) -> str:
    """The whole text of an answer; `seen` is set when three tokens of it are visible."""
    text = b""
    async with api.post(CHAT, json=body, timeout=aiohttp.ClientTimeout(2 * LIMIT)) as answer:
        assert answer.status == 200, await answer.text()
        async for data in answer.content.iter_any():
            text += data
            if b"t2 " in text:
                seen.set()
    return text.decode()
