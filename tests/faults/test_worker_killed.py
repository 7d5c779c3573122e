"""A worker is killed with jobs in every state; its successor brings each to a truthful end.

The kill is done once, with five clients waiting; the tests look at what each of them saw:

    spoken   some tokens had come        an error event, and no token twice
    greeted  the role had come, no token the whole answer
    silent   nothing had come            the whole answer, streamed
    whole    not streamed                the whole answer
    queued   asked while no worker ran   the whole answer
"""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
import pytest_asyncio

from infra.embedded.child import has_ended_within, kill_group
from tests.acceptance.asking import CHAT, HELLO, STREAM, Json, chunks, error_in, payloads, said
from tests.conftest import MODELS
from tests.product import Product
from tests.upstream import wire
from tests.upstream.script import Script
from tests.upstream.server import Upstream, open_upstream

SPOKEN = Script(tokens=9, hold=4)
GREETED = Script(tokens=9, hold=1)
SILENT = Script(tokens=9, hold=-1)
AGAIN = Script(tokens=3)
LIMIT = 60.0
"""Seconds for a takeover: the dead worker's session of 6 s, and a successor's start."""


@dataclass(frozen=True)
class Seen:
    """A client's answer."""

    status: int
    text: str


@dataclass(frozen=True)
class Aftermath:
    """What each client saw, and what the provider was asked."""

    spoken: Seen
    greeted: Seen
    silent: Seen
    whole: Seen
    queued: Seen
    calls: int


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def aftermath(product: Product, provider_port: int) -> AsyncIterator[Aftermath]:
    """One worker killed and one started."""
    async with (
        open_upstream(port=provider_port) as upstream,
        aiohttp.ClientSession(
            product.url,
            headers={"Authorization": f"Bearer {await product.token()}"},
            timeout=aiohttp.ClientTimeout(total=LIMIT),
        ) as api,
    ):
        upstream.listed = list(MODELS)
        yield await _kill(product, upstream, api)


def test_a_queued_job_is_done_by_the_next_worker(aftermath: Aftermath) -> None:
    assert aftermath.queued.status == 200
    assert said(aftermath.queued.text) == wire.text(AGAIN)


def test_a_job_without_a_token_is_done_again_unseen(aftermath: Aftermath) -> None:
    assert aftermath.silent.status == 200
    assert said(aftermath.silent.text) == wire.text(AGAIN)
    assert [chunk["x_seq"] for chunk in chunks(aftermath.silent.text)] == list(range(5))


def test_a_whole_answer_is_made_again_unseen(aftermath: Aftermath) -> None:
    assert aftermath.whole.status == 200
    assert json.loads(aftermath.whole.text)["choices"][0]["message"]["content"] == wire.text(AGAIN)


def test_a_job_that_only_greeted_is_done_again_unseen(aftermath: Aftermath) -> None:
    given = chunks(aftermath.greeted.text)

    assert said(aftermath.greeted.text) == wire.text(AGAIN)
    assert [chunk["x_seq"] for chunk in given] == list(range(len(given)))
    assert sum("role" in chunk["choices"][0]["delta"] for chunk in given) == 1


def test_a_job_that_spoke_ends_with_an_error_event_and_repeats_nothing(aftermath: Aftermath) -> None:
    *told, last = [json.loads(payload) for payload in payloads(aftermath.spoken.text)]

    assert aftermath.spoken.status == 200
    assert [_text(chunk) for chunk in told] == ["", "t0 ", "t1 ", "t2 "]
    assert error_in(last)["code"] == "worker_lost"
    assert error_in(last)["type"] == "internal_error"


def test_the_provider_is_asked_again_only_for_what_can_go_on(aftermath: Aftermath) -> None:
    assert aftermath.calls == 4 + 3 + 1


async def _kill(product: Product, upstream: Upstream, api: aiohttp.ClientSession) -> Aftermath:
    heard = asyncio.Event()

    async def ask(body: Json) -> Seen:
        async with api.post(CHAT, json=body) as answer:
            return Seen(answer.status, await answer.text())

    async def listen() -> Seen:
        async with api.post(CHAT, json=STREAM) as answer:
            first = await answer.content.readuntil(b"t2 ")
            heard.set()
            return Seen(answer.status, (first + await answer.read()).decode())

    upstream.next(SPOKEN, GREETED, SILENT, SILENT)
    upstream.always(AGAIN)
    async with asyncio.TaskGroup() as tasks:
        asking: list[asyncio.Task[Seen]] = []
        for number, asks in enumerate((listen(), ask(STREAM), ask(STREAM), ask(HELLO)), start=1):
            asking.append(tasks.create_task(asks))
            await upstream.asked(number)
        await asyncio.wait_for(heard.wait(), LIMIT)
        worker = product.workers.pop()
        kill_group(worker.pid)
        assert await has_ended_within(worker, 5)
        asking.append(tasks.create_task(ask(STREAM)))
        await product.add_worker()
    spoken, greeted, silent, whole, queued = (task.result() for task in asking)
    calls = sum(chat.json["messages"] == HELLO["messages"] for chat in upstream.chats)
    return Aftermath(spoken, greeted, silent, whole, queued, calls)


def _text(chunk: Json) -> str:
    content: str = chunk["choices"][0]["delta"]["content"]
    return content
