"""A worker is lost in the midst of a stream whose provider can go on with it, and its successor does.

`test_moments` kills at named moments. Here are two takeovers of one stream, of which the first is a worker's
drain; a worker that was only asleep and wakes while its successor speaks; and a real model.
"""

import asyncio
import json
import signal
from collections.abc import AsyncIterator

import aiohttp
import pytest

from contracts.frames import attempt_of, is_terminal
from contracts.ids import job_id_of
from infra.embedded.child import has_ended_within, kill_group, stop_child
from infra.relay.log import LogReader
from infra.settings import KafkaSettings, ProviderSettings
from tests.acceptance.asking import CHAT, STREAM, Json, chunks, error_in, payloads, said
from tests.acceptance.waiting import LIMIT, until
from tests.faults.aftermath import account_of, became_stale, end_of
from tests.product import Product
from tests.upstream import wire
from tests.upstream.script import Script
from tests.upstream.server import Upstream

GOES_ON = {"JAN_PROVIDER_PREFILL": "llama.cpp"}
TELLS_USAGE: Json = {**STREAM, "stream_options": {"include_usage": True}}
BOUND: Json = {**STREAM, "response_format": {"type": "json_object"}}
SCRIPT = Script(tokens=12, prefill=True)
HELD_AT_4 = Script(tokens=12, prefill=True, hold=4)
HELD_AT_3 = Script(tokens=12, prefill=True, hold=3)
"""Behind the role and two more tokens."""
COUNT: Json = {
    "messages": [{"role": "user", "content": "Count from one to twenty in words."}],
    "max_tokens": 80,
    "temperature": 0,
}
TAKEOVER = 60.0
"""Seconds for a dead worker's session of 6 s and its successor's start, on a busy machine."""
pytestmark = pytest.mark.timeout(180)


class Reader:
    """A client that reads one stream line by line."""

    def __init__(self, api: aiohttp.ClientSession, body: Json) -> None:
        self.lines: list[str] = []
        self._reading = asyncio.create_task(self._read(api, body))

    async def chunks(self, count: int) -> None:
        """Wait until so many have come."""

        async def have_come() -> bool:
            return self._reading.done() or sum(line.startswith("data: ") for line in self.lines) >= count

        await until(have_come, TAKEOVER)

    async def text(self) -> str:
        """All of it, at its end."""
        await self._reading
        return "".join(self.lines)

    async def _read(self, api: aiohttp.ClientSession, body: Json) -> None:
        async with api.post(CHAT, json=body, timeout=aiohttp.ClientTimeout(3 * TAKEOVER)) as answer:
            assert answer.status == 200, await answer.text()
            async for line in answer.content:
                self.lines.append(line.decode())


@pytest.fixture
async def going_on(hurt: Product) -> AsyncIterator[Product]:
    """The product without a worker, whose provider goes on; a test's own are not left to other tests."""
    await stop_all(hurt)
    async with hurt.provided(GOES_ON):
        yield hurt
        await stop_all(hurt)


async def test_a_stream_that_is_handed_back_and_then_lost_reads_as_if_nothing_had_been(
    going_on: Product, api: aiohttp.ClientSession, upstream: Upstream, logs: LogReader, kafka: KafkaSettings
) -> None:
    upstream.next(HELD_AT_4, HELD_AT_4, HELD_AT_3)
    upstream.always(SCRIPT)
    drained = await going_on.add_worker({"JAN_WORKER_DRAIN_TIMEOUT": "1"})
    reader = Reader(api, TELLS_USAGE)
    await upstream.asked()
    bound = Reader(api, BOUND)

    await asyncio.gather(reader.chunks(4), bound.chunks(4))
    drained.process.send_signal(signal.SIGTERM)
    assert await has_ended_within(drained, LIMIT)
    going_on.workers.clear()
    await going_on.add_worker()
    await reader.chunks(6)
    await replace_killed(going_on)
    text, *shown, last = await reader.text(), *payloads(await bound.text())

    job_id = await reads_as_whole(api, text, wire.text(SCRIPT))
    assert drained.process.returncode == 0
    assert [attempt_of(frame) for frame in await logs.whole(job_id)] == [1] * 4 + [2] * 2 + [3] * 10
    await is_counted_once(going_on, api, kafka, text, (wire.PROMPT_TOKENS, SCRIPT.tokens), attempt=3)
    assert len(shown) == 4
    assert error_in(json.loads(last))["code"] == "worker_lost"  # nobody can go on with half a JSON object


async def test_a_worker_that_wakes_while_its_successor_speaks_adds_nothing(
    going_on: Product, api: aiohttp.ClientSession, upstream: Upstream, logs: LogReader, kafka: KafkaSettings
) -> None:
    upstream.next(HELD_AT_4, HELD_AT_3)
    sleeper = await going_on.add_worker()
    reader = Reader(api, TELLS_USAGE)

    await reader.chunks(4)
    sleeper.process.send_signal(signal.SIGSTOP)
    try:
        await going_on.add_worker()
        await reader.chunks(6)
        (await upstream.asked()).release()
    finally:
        sleeper.process.send_signal(signal.SIGCONT)
    await became_stale(sleeper, named(reader.lines[0]))
    (await upstream.asked(2)).release()
    text = await reader.text()

    job_id = await reads_as_whole(api, text, wire.text(SCRIPT))
    frames = await logs.whole(job_id)
    assert [attempt_of(frame) for frame in frames] == [1] * 4 + [2] * (len(frames) - 4)
    assert [is_terminal(frame) for frame in frames].count(True) == 1
    await is_counted_once(going_on, api, kafka, text, (wire.PROMPT_TOKENS, SCRIPT.tokens), attempt=2)


@pytest.mark.stack
async def test_a_real_model_goes_on_where_its_worker_was_killed(
    going_on: Product,
    api: aiohttp.ClientSession,
    model: ProviderSettings,
    kafka: KafkaSettings,
) -> None:
    real = {"JAN_PROVIDER_URL": model.url, "JAN_PROVIDER_NAME": "real", **GOES_ON}
    await going_on.provision(real)
    await going_on.add_worker()
    body = {**TELLS_USAGE, **COUNT, "model": f"real/{model.models[0]}"}
    try:
        await until(lambda: is_offered(api, body["model"]))
        uncut = await Reader(api, body).text()
        reader = Reader(api, body)
        await reader.chunks(20)
        await replace_killed(going_on)
        text = await reader.text()
    finally:
        await stop_all(going_on)

    await reads_as_whole(api, text, said(uncut))
    usage = chunks(uncut)[-1]["usage"]
    counted = usage["prompt_tokens"], usage["completion_tokens"]
    await is_counted_once(going_on, api, kafka, text, counted, attempt=2)


async def reads_as_whole(api: aiohttp.ClientSession, text: str, words: str) -> str:
    """The stream is one answer without a seam, and can be read again from the midst on; its job."""
    told = chunks(text)
    job_id = named(text)
    assert said(text) == words
    assert [chunk["x_seq"] for chunk in told] == list(range(len(told)))
    assert len({(chunk["id"], chunk["model"]) for chunk in told}) == 1
    assert sum("role" in choice["delta"] for chunk in told for choice in chunk["choices"]) == 1
    assert sum(bool(choice["finish_reason"]) for chunk in told for choice in chunk["choices"]) == 1
    async with api.get(f"{CHAT}/{told[0]['id']}?stream=true&starting_after=3") as again:
        assert chunks(await again.text()) == told[4:]
    return job_id


async def is_counted_once(
    product: Product,
    api: aiohttp.ClientSession,
    kafka: KafkaSettings,
    text: str,
    tokens: tuple[int, int],
    attempt: int,
) -> None:
    """The client, the topic and the ledger were told the same tokens, of the whole answer."""
    account = await account_of(product, api, named(text))
    end = await end_of(kafka, named(text))
    told = chunks(text)[-1]["usage"]
    assert end.attempt == account["attempts"] == attempt
    assert end.usage is not None
    assert (end.usage.input_tokens, end.usage.output_tokens) == tokens
    assert (told["prompt_tokens"], told["completion_tokens"]) == tokens
    assert (account["usage"]["input_tokens"], account["usage"]["output_tokens"]) == tokens


async def replace_killed(product: Product) -> None:
    """The only worker is killed, and another started."""
    worker = product.workers.pop()
    kill_group(worker.pid)
    assert await has_ended_within(worker, LIMIT)
    await product.add_worker()


async def stop_all(product: Product) -> None:
    while product.workers:
        await stop_child(product.workers.pop())


async def is_offered(api: aiohttp.ClientSession, model: str) -> bool:
    async with api.get(f"/v1/models/{model}") as answer:
        return answer.status == 200


def named(text: str) -> str:
    """The job of a stream, or of its first line."""
    first = text.partition("\n")[0].removeprefix("data: ")
    return job_id_of(json.loads(first)["id"]) or ""
