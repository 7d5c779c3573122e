"""A process is killed at each named moment of one job, M0 to M9 of the fault matrix.

    M0 requested  M1 key_held  M2 produced      an edge dies; its client asks the other one again
    M3 claimed    M4 asked     M5 spoken        the worker dies before, at and in the answer
    M6 answered   M7 closed    M8 told  M9 done the worker dies behind it, in ever narrower gaps

Whatever the moment: the client's text is the whole text once, and the job has one end.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext

import aiohttp
import pytest

from contracts.envelope import Lane
from contracts.events import EVENT, TERMINAL_EVENTS, Cancelled, Event, Failed, Finished
from contracts.ids import job_id_of, new_ulid
from contracts.topics import COMPLETION, EVENTS, worker_group
from infra.bus.lag import open_lag
from infra.bus.tail import read_topic
from infra.embedded.child import has_ended_within, stop_child
from infra.failpoints import Moment
from infra.settings import KafkaSettings
from tests.acceptance.asking import CHAT, STREAM, chunks, error_in, payloads, said
from tests.acceptance.waiting import LIMIT, until
from tests.product import Product
from tests.upstream import wire
from tests.upstream.script import Script
from tests.upstream.server import Upstream

End = Finished | Failed | Cancelled
SCRIPT = Script(tokens=9, gap=0.05, prefill=True, usage="always")
GOES_ON = {"JAN_PROVIDER_PREFILL": "llama.cpp"}
TAKEOVER = 60.0
"""Seconds for a dead worker's session of 6 s and its successor's start."""
EDGE_MOMENTS = (Moment.REQUESTED, Moment.KEY_HELD, Moment.PRODUCED)
UNSEEN_MOMENTS = (Moment.CLAIMED, Moment.ASKED)
ENDED_MOMENTS = (Moment.CLOSED, Moment.TOLD, Moment.DONE)


@pytest.mark.parametrize("moment", EDGE_MOMENTS)
async def test_an_edge_that_dies_on_the_way_in_leaves_one_job_for_the_key(
    product: Product, api: aiohttp.ClientSession, upstream: Upstream, kafka: KafkaSettings, moment: Moment
) -> None:
    upstream.always(SCRIPT)
    headers = {"Idempotency-Key": new_ulid(), **dict(api.headers)}

    async with mortal_edge(product, moment) as url:
        with pytest.raises(aiohttp.ClientConnectionError):
            await api.post(url + CHAT, json=STREAM, headers=headers)
    first, again = await answered(api, headers), await answered(api, headers)

    job_id = named(first)
    assert said(first) == wire.text(SCRIPT)
    assert again == first
    assert len(upstream.chats) == 1
    await until(lambda: has_ended(kafka, job_id))
    assert len(ends_in(await events_of(kafka, job_id))) == 1


async def test_an_edge_that_dies_before_it_wrote_anything_has_accepted_nothing(
    product: Product, api: aiohttp.ClientSession, upstream: Upstream, kafka: KafkaSettings
) -> None:
    before = await jobs_in(kafka)

    async with mortal_edge(product, Moment.REQUESTED) as url:
        with pytest.raises(aiohttp.ClientConnectionError):
            await api.post(url + CHAT, json=STREAM)

    assert await jobs_in(kafka) == before
    assert upstream.chats == []


@pytest.mark.parametrize("moment", UNSEEN_MOMENTS)
async def test_a_worker_that_dies_before_a_token_is_replaced_unseen(
    hurt: Product, api: aiohttp.ClientSession, upstream: Upstream, kafka: KafkaSettings, moment: Moment
) -> None:
    upstream.always(SCRIPT)

    text = await through_a_death(hurt, api, moment)

    assert said(text) == wire.text(SCRIPT)
    assert are_numbered(text)
    await is_settled_once(kafka, named(text), attempt=2)


async def test_a_worker_that_dies_in_the_answer_ends_it_truthfully_where_nobody_can_go_on(
    hurt: Product, api: aiohttp.ClientSession, upstream: Upstream, kafka: KafkaSettings
) -> None:
    upstream.always(SCRIPT)

    text = await through_a_death(hurt, api, Moment.SPOKEN, hit=5)

    *given, last = payloads(text)
    assert error_in(json.loads(last))["code"] == "worker_lost"
    shown = said("".join(f"data: {one}\n\n" for one in given) + "data: [DONE]\n\n")
    assert wire.text(SCRIPT).startswith(shown)
    assert shown
    await is_settled_once(kafka, named(text), attempt=2)


@pytest.mark.parametrize("hit", [2, 5, 9])
async def test_a_worker_that_dies_in_the_answer_is_gone_on_from_word_for_word(
    hurt: Product, api: aiohttp.ClientSession, upstream: Upstream, kafka: KafkaSettings, hit: int
) -> None:
    upstream.always(SCRIPT)

    text = await through_a_death(hurt, api, Moment.SPOKEN, hit=hit, provider=GOES_ON)

    assert said(text) == wire.text(SCRIPT)
    assert are_numbered(text)
    usage = await is_settled_once(kafka, named(text), attempt=2)
    assert usage == (wire.PROMPT_TOKENS, SCRIPT.tokens)


async def test_a_worker_that_dies_with_the_whole_answer_sent_has_it_ended_by_another(
    hurt: Product, api: aiohttp.ClientSession, upstream: Upstream, kafka: KafkaSettings
) -> None:
    upstream.always(SCRIPT)

    text = await through_a_death(hurt, api, Moment.ANSWERED, provider=GOES_ON)

    assert said(text) == wire.text(SCRIPT)
    assert are_numbered(text)
    await is_settled_once(kafka, named(text), attempt=2)


@pytest.mark.parametrize("moment", ENDED_MOMENTS)
async def test_a_worker_that_dies_behind_the_end_leaves_one_end_and_no_second_answer(
    hurt: Product, api: aiohttp.ClientSession, upstream: Upstream, kafka: KafkaSettings, moment: Moment
) -> None:
    upstream.always(SCRIPT)
    headers = {"Idempotency-Key": new_ulid()}

    text = await through_a_death(hurt, api, moment, headers=headers)

    assert said(text) == wire.text(SCRIPT)
    await is_settled_once(kafka, named(text), attempt=1)
    assert len(upstream.chats) == 1
    async with api.post(CHAT, json=STREAM, headers=headers) as again:
        assert await again.text() == text


@asynccontextmanager
async def mortal_edge(
    product: Product, moment: Moment, settings: Mapping[str, str] | None = None
) -> AsyncIterator[str]:
    """The address of an edge, with settings of its own if any, that is dead when the block ends."""
    url = await product.add_edge({**plan(moment, 1), **(settings or {})})
    product.urls.remove(url)
    edge = product.edges.pop()
    try:
        yield url
        assert await has_ended_within(edge, LIMIT)
    finally:
        await stop_child(edge)


async def through_a_death(
    product: Product,
    api: aiohttp.ClientSession,
    moment: Moment,
    *,
    hit: int = 1,
    provider: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
) -> str:
    """A stream whose only worker dies at a moment, and which then gets another; its text."""
    while product.workers:
        await stop_child(product.workers.pop())
    mortal = await product.add_worker(plan(moment, hit))
    product.workers.clear()
    declared = product.provided(provider) if provider else nullcontext()
    async with declared, asyncio.TaskGroup() as tasks:
        asking = tasks.create_task(streamed(api, headers or {}))
        assert await has_ended_within(mortal, LIMIT)
        await product.add_worker()
    return asking.result()


async def streamed(api: aiohttp.ClientSession, headers: dict[str, str]) -> str:
    timeout = aiohttp.ClientTimeout(total=TAKEOVER)
    async with api.post(CHAT, json=STREAM, headers=headers, timeout=timeout) as answer:
        assert answer.status == 200
        return await answer.text()


async def answered(api: aiohttp.ClientSession, headers: dict[str, str]) -> str:
    """The answer of a key, as soon as its first request is no longer in progress."""
    texts: list[str] = []

    async def is_given() -> bool:
        async with api.post(CHAT, json=STREAM, headers=headers) as answer:
            assert answer.status in {200, 409}
            if answer.status == 200:
                texts.append(await answer.text())
        return bool(texts)

    await until(is_given)
    return texts[0]


async def is_settled_once(kafka: KafkaSettings, job_id: str, *, attempt: int) -> tuple[int, int]:
    """Wait until nothing is left to do; the job must have one end then. Its tokens, read and written."""

    async def is_committed() -> bool:
        topic = COMPLETION[Lane.DEFAULT]
        async with open_lag(kafka) as lag:
            return await lag.backlog(worker_group(topic), [topic]) == {topic.name: 0}

    if kafka.flavor == "kafka":
        await until(is_committed, TAKEOVER)
    await until(lambda: has_ended(kafka, job_id), TAKEOVER)
    (end,) = ends_in(await events_of(kafka, job_id))
    assert end.attempt == attempt
    return (end.usage.input_tokens, end.usage.output_tokens) if end.usage else (0, 0)


async def has_ended(kafka: KafkaSettings, job_id: str) -> bool:
    return bool(ends_in(await events_of(kafka, job_id)))


async def events_of(kafka: KafkaSettings, job_id: str) -> list[Event]:
    return [
        EVENT.validate_json(record.value or b"")
        async for record in read_topic(kafka, EVENTS)
        if record.key == job_id.encode()
    ]


async def jobs_in(kafka: KafkaSettings) -> int:
    return sum([1 async for _ in read_topic(kafka, COMPLETION[Lane.DEFAULT])])


def ends_in(events: Sequence[Event]) -> list[End]:
    """The terminal events that differ in more than their time: one that is told again is the same."""
    ends = [one for one in events if isinstance(one, TERMINAL_EVENTS)]
    return list({one.model_dump_json(exclude={"at"}): one for one in ends}.values())


def plan(moment: Moment, hit: int) -> dict[str, str]:
    return {"JAN_ENVIRONMENT": "test", "JAN_FAILPOINTS": f"{moment.value}=kill@{hit}"}


def named(text: str) -> str:
    """The job of a stream."""
    job_id = job_id_of(json.loads(payloads(text)[0])["id"])
    assert job_id
    return job_id


def are_numbered(text: str) -> bool:
    """Whether its chunks are 0, 1, 2, ... to the end."""
    given = chunks(text)
    return [chunk["x_seq"] for chunk in given] == list(range(len(given)))
