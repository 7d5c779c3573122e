"""More work than can be done: full workers take no more, full lanes refuse, what comes too late is dropped.

Beside the session's edge: an edge that refuses soon, and the only worker, which runs four jobs at once.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import aiohttp
import psutil
import pytest
import pytest_asyncio

from api_edge.relay.lanes import FEW, MAX_RETRY
from contracts.envelope import Caller, Lane
from contracts.errors import ErrorCode
from contracts.events import EVENT, Event, Failed
from contracts.frames import FrameKind
from contracts.ids import new_ulid
from contracts.jobs import CompletionEnvelope, CompletionJob
from contracts.topics import EVENTS, worker_group
from infra.bus.lag import open_lag
from infra.bus.producer import Producer
from infra.bus.tail import read_topic
from infra.embedded.child import stop_child
from infra.relay.log import LogReader
from infra.settings import KafkaSettings
from tests.acceptance.asking import CHAT, HELLO, Json, error_in
from tests.acceptance.exposition import edge_metrics, worker_metrics
from tests.acceptance.waiting import until
from tests.faults.jobs import TOPIC, are_over, job_ids
from tests.product import Product
from tests.upstream import wire
from tests.upstream.script import Script
from tests.upstream.server import Upstream

pytestmark = pytest.mark.kafka

PLACES = 4
JOBS = 100
LIMIT = 60.0
"""Seconds for everything that waits to be done, on a busy machine."""
HELD = Script(tokens=1, hold=-1)
QUICK = Script(tokens=1)
SLOW = Script(tokens=1, first=0.3)
BODY_BYTES = 200_000
MOST_GROWTH = 15_000_000
"""Bytes by which a worker may grow while 20 MB wait for it: a fetched batch of 1 MiB, parsed and read."""
TERMINAL = {"finished", "failed", "cancelled"}


@dataclass(frozen=True)
class Seen:
    """A client's answer."""

    status: int
    body: Json
    retry_after: str | None


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def small(product: Product) -> AsyncIterator[Product]:
    """The edge and the worker of these tests, while the session's workers rest."""
    await asyncio.gather(*(stop_child(worker) for worker in product.workers))
    product.workers.clear()
    extra = {"JAN_WORKER_MAX_JOBS": str(PLACES), "JAN_EDGE_LANE_WAIT": "default=2"}
    small = Product(product.servers, product.provider_url, {**product.extra, **extra})
    try:
        await asyncio.gather(small.add_edge(), small.add_worker())
        yield small
    finally:
        await small.close()
        await product.add_worker()


async def test_a_full_worker_holds_little_and_the_rest_waits_in_kafka(
    small: Product, upstream: Upstream, producer: Producer, logs: LogReader, kafka: KafkaSettings
) -> None:
    upstream.always(HELD)
    ids = await job_ids(kafka, PLACES + JOBS)
    await _produce(producer, ids[:PLACES])
    await upstream.asked(PLACES)
    worker = psutil.Process(small.workers[-1].process.pid)
    before = worker.memory_info().rss
    pauses = (await worker_metrics(small)).value("jan_consumer_pauses_total")

    await _produce(producer, ids[PLACES:], padding=BODY_BYTES)
    await until(lambda: _has_paused(small, pauses + 5))
    grown = worker.memory_info().rss - before
    running = (await worker_metrics(small)).value("jan_jobs_in_flight")
    async with open_lag(kafka) as lag:
        backlog = await lag.backlog(worker_group(TOPIC), [TOPIC])
    asked = len(upstream.chats)
    await _release(upstream)
    await until(lambda: are_over(logs, ids), LIMIT)

    print(f"{JOBS * BODY_BYTES / 1e6:.0f} MB wait, the worker grew by {grown / 1e6:.1f} MB")
    assert (asked, running) == (PLACES, PLACES)
    assert backlog == {TOPIC.name: PLACES + JOBS}
    assert grown < MOST_GROWTH
    assert len(upstream.chats) == PLACES + JOBS


async def test_a_full_lane_refuses_and_what_it_accepted_ends(small: Product, upstream: Upstream) -> None:
    asked: list[asyncio.Task[Seen]] = []

    async with _opened(small) as api, asyncio.TaskGroup() as tasks:
        await until(lambda: _is_idle(small))
        upstream.always(SLOW)
        before, called = await _refused(small), len(upstream.chats)

        async def is_full() -> bool:
            asked.extend(tasks.create_task(_ask(api)) for _ in range(PLACES))
            return any(one.done() and one.result().status == 503 for one in asked)

        await until(is_full)
        seen = await asyncio.gather(*asked)
        calls, counted = len(upstream.chats) - called, await _refused(small) - before
        upstream.always(QUICK)
        await until(lambda: _takes_jobs(api))

    answered = [one for one in seen if one.status == 200]
    refused = [one for one in seen if one.status == 503]
    print(f"{len(answered)} accepted, {len(refused)} refused for {refused[0].retry_after} s")
    assert len(answered) + len(refused) == len(seen)
    assert calls == len(answered) >= FEW
    assert {one.body["choices"][0]["message"]["content"] for one in answered} == {wire.text(SLOW)}
    assert {error_in(one.body)["code"] for one in refused} == {"overloaded"}
    assert all(1 <= int(one.retry_after or 0) <= MAX_RETRY for one in refused)
    assert counted == len(refused)


async def test_a_job_whose_deadline_passed_in_the_queue_is_never_asked_and_fails_once(
    small: Product, upstream: Upstream, producer: Producer, logs: LogReader, kafka: KafkaSettings
) -> None:
    upstream.always(HELD)
    *held, late = [new_ulid() for _ in range(PLACES + 1)]
    await _produce(producer, held)
    await upstream.asked(PLACES)
    deadline = datetime.now(UTC) + timedelta(seconds=0.5)

    await _produce(producer, [late], deadline=deadline)
    await until(lambda: _has_passed(deadline))
    length_while_queued = await logs.lengths([late])
    await _release(upstream)
    await until(lambda: are_over(logs, [late, *held]))
    await until(lambda: _is_told(kafka, late))

    frames = await logs.read(late, 0)
    [failed] = [event for event in await _events(kafka, late) if event.type in TERMINAL]
    assert length_while_queued == [0]
    assert [frame[0] for frame in frames] == [FrameKind.ERROR]
    assert isinstance(failed, Failed)
    assert failed.error.code == ErrorCode.DEADLINE_EXCEEDED
    assert len(upstream.chats) == PLACES


@asynccontextmanager
async def _opened(small: Product) -> AsyncIterator[aiohttp.ClientSession]:
    """A guest of the small edge, with as many connections as they like."""
    async with aiohttp.ClientSession(
        small.url,
        headers={"Authorization": f"Bearer {await small.token()}"},
        connector=aiohttp.TCPConnector(limit=0),
        timeout=aiohttp.ClientTimeout(total=LIMIT),
    ) as session:
        yield session


async def _ask(api: aiohttp.ClientSession) -> Seen:
    async with api.post(CHAT, json=HELLO) as answer:
        return Seen(answer.status, await answer.json(), answer.headers.get("retry-after"))


async def _takes_jobs(api: aiohttp.ClientSession) -> bool:
    return (await _ask(api)).status == 200


async def _is_idle(small: Product) -> bool:
    """Whether the edge knows of a lane in which nothing waits."""
    metrics = await edge_metrics(small)
    return "jan_lane_waiting" in metrics.names and metrics.value("jan_lane_waiting", lane="default") == 0


async def _refused(small: Product) -> float:
    """Jobs that the edge refused until now."""
    return (await edge_metrics(small)).value("jan_jobs_refused_total", lane="default", limit="wait")


async def _has_paused(small: Product, count: float) -> bool:
    return (await worker_metrics(small)).value("jan_consumer_pauses_total") >= count


async def _has_passed(moment: datetime) -> bool:
    return datetime.now(UTC) > moment


async def _release(upstream: Upstream) -> None:
    """Let everything go on that is held, and hold no more."""
    upstream.always(QUICK)
    for request in upstream.chats:
        request.release()


async def _events(kafka: KafkaSettings, job_id: str) -> list[Event]:
    return [
        EVENT.validate_json(record.value or b"")
        async for record in read_topic(kafka, EVENTS)
        if record.key == job_id.encode()
    ]


async def _is_told(kafka: KafkaSettings, job_id: str) -> bool:
    return any(event.type in TERMINAL for event in await _events(kafka, job_id))


async def _produce(
    producer: Producer, ids: list[str], *, padding: int = 0, deadline: datetime | None = None
) -> None:
    """Jobs that nobody waits for; the broker has them when this returns."""
    now = datetime.now(UTC)
    body = {**HELLO, "messages": [{"role": "user", "content": "hi" + "." * padding}]}
    for job_id in ids:
        envelope = CompletionEnvelope(
            job_id=job_id,
            kind="completion",
            tenant="test",
            caller=Caller(user_id="test", tenant="test"),
            lane=Lane.DEFAULT,
            asked_at=now,
            deadline=deadline or now + timedelta(minutes=2),
            job=CompletionJob(model="scripted", stream=False, body=body),
        )
        await producer.send(TOPIC, job_id.encode(), envelope.model_dump_json().encode(), {})
