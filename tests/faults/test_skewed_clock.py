"""Processes whose clocks are two minutes off, either way, as libfaketime tells them the time.

Leases run on Redis' clock and waits on monotonic ones, so nothing of who may do what depends on a wall clock.
A deadline does: an edge writes it, and a worker reads it by its own clock. A worker that is ahead takes that
much from the time that a job has, and one that is behind gives it, while the edge that waits keeps to its own
time. It is so on purpose: a margin for wrong clocks would make every job overdue for as long before it ends.
A token is another wall clock's business: `JAN_AUTH_LEEWAY` is what edges forgive each other.
"""

import asyncio
import json
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from redis.asyncio import Redis

from contracts.ids import job_id_of
from infra.embedded.child import Child, has_ended_within, kill_group, stop_child
from infra.relay.keys import claim_key
from infra.settings import KafkaSettings
from tests.acceptance.asking import CHAT, HELLO, STREAM, Json, error_in, said
from tests.acceptance.waiting import LIMIT, until
from tests.conftest import QUICK
from tests.faults.aftermath import account_of, end_of
from tests.product import Product
from tests.upstream import wire
from tests.upstream.script import Script
from tests.upstream.server import Upstream

LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
SHARED = Path("/dev/shm")  # noqa: S108  where the library keeps a page and a lock for each process
SKEW = 120
RUNNING = Script(tokens=9, hold=4)
AGAIN = Script(tokens=3)
STREAMS = 12
LEASE = float(QUICK["JAN_WORKER_LEASE"])
pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(not LIBRARIES, reason="needs libfaketime, Debian's package faketime"),
]


@pytest.fixture
async def skewed(hurt: Product) -> AsyncIterator[Product]:
    """The product without a worker; what tests add is stopped, and not left to other tests."""
    await stop_all(hurt.workers)
    usual = len(hurt.edges)
    yield hurt
    pids = [child.pid for child in [*hurt.workers, *hurt.edges[usual:]]]
    await stop_all(hurt.workers)
    for edge in hurt.edges[usual:]:
        await stop_child(edge)
    del hurt.edges[usual:], hurt.urls[usual:]
    forget(*pids)


async def test_leases_hold_whatever_the_time_is_elsewhere_and_nothing_runs_twice(
    skewed: Product, token: str, upstream: Upstream, redis: Redis
) -> None:
    upstream.next(*[RUNNING] * STREAMS)
    upstream.always(AGAIN)
    *urls, _ = await asyncio.gather(
        skewed.add_edge(off_by(-SKEW)), skewed.add_edge(off_by(SKEW)), skewed.add_worker(off_by(-SKEW))
    )
    async with open_clients(urls, token) as apis, asyncio.TaskGroup() as tasks:
        streams = [tasks.create_task(ask(apis[number % 2], STREAM)) for number in range(STREAMS)]
        await upstream.asked(STREAMS)
        await skewed.add_worker(off_by(SKEW))
        await outlives_a_lease(redis)
        for number in range(STREAMS):  # whoever does these has looked at all that lies before them
            await ask(apis[number % 2], HELLO)
        for request in upstream.chats:
            request.release()

    assert len(upstream.chats) == 2 * STREAMS
    assert {said(stream.result()) for stream in streams} == {wire.text(RUNNING)}


async def test_a_dead_worker_that_was_ahead_is_followed_as_soon_as_any(
    skewed: Product, api: aiohttp.ClientSession, upstream: Upstream, kafka: KafkaSettings
) -> None:
    upstream.next(Script(hold=-1))
    upstream.always(AGAIN)
    worker = await skewed.add_worker(off_by(SKEW))
    async with asyncio.TaskGroup() as tasks:
        asking = tasks.create_task(ask(api, HELLO))
        await upstream.asked()
        skewed.workers.clear()
        kill_group(worker.pid)
        assert await has_ended_within(worker, LIMIT)
        forget(worker.pid)
        await skewed.add_worker(off_by(-SKEW))

    answer = json.loads(asking.result())
    assert answer["choices"][0]["message"]["content"] == wire.text(AGAIN)
    job_id = job_id_of(answer["id"]) or ""
    account, end = await account_of(skewed, api, job_id), await end_of(kafka, job_id)
    assert end.attempt == account["attempts"] == 2
    assert account["usage"]["output_tokens"] == AGAIN.tokens


async def test_a_worker_further_ahead_than_a_job_may_last_says_so_at_once(
    skewed: Product, token: str, upstream: Upstream
) -> None:
    url, _ = await asyncio.gather(
        skewed.add_edge({"JAN_EDGE_JOB_TIMEOUT": "60"}), skewed.add_worker(off_by(SKEW))
    )

    async with open_clients([url], token) as (api,), api.post(CHAT, json=HELLO) as answer:
        assert (answer.status, error_in(await answer.json())["code"]) == (504, "deadline_exceeded")
    assert upstream.chats == []


async def test_an_edge_waits_no_longer_for_a_worker_that_is_behind(
    skewed: Product, token: str, upstream: Upstream
) -> None:
    upstream.always(Script(hold=-1))
    url, _ = await asyncio.gather(
        skewed.add_edge({"JAN_EDGE_JOB_TIMEOUT": "1"}), skewed.add_worker(off_by(-SKEW))
    )

    async with open_clients([url], token) as (api,), api.post(CHAT, json=HELLO) as answer:
        assert (answer.status, error_in(await answer.json())["code"]) == (504, "deadline_exceeded")
    (await upstream.asked()).release()


def off_by(seconds: int) -> dict[str, str]:
    """What makes a process believe in another time; how fast it passes stays true."""
    return {
        "LD_PRELOAD": str(LIBRARIES[0]),
        "FAKETIME": f"{seconds:+d}s",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",
        "JAN_AUTH_LEEWAY": str(2 * SKEW),
    }


async def outlives_a_lease(redis: Redis) -> None:
    """Wait until every claim that is held was renewed beyond the lease that it has now, or given up."""
    before = await leases(redis)
    assert before

    async def are_renewed() -> bool:
        now = await leases(redis)
        return all(now.get(key, math.inf) > until + LEASE * 1000 for key, until in before.items())

    await until(are_renewed)


async def leases(redis: Redis) -> dict[bytes, float]:
    """When each lease that runs ends, in milliseconds of the server's clock."""
    seconds, micros = await redis.time()
    ends = {key: float(await redis.hget(key, "until") or 0) async for key in redis.scan_iter(claim_key("*"))}
    return {key: end for key, end in ends.items() if end > seconds * 1000 + micros / 1000}


@asynccontextmanager
async def open_clients(urls: list[str], token: str) -> AsyncIterator[list[aiohttp.ClientSession]]:
    """A client of each edge."""
    headers = {"Authorization": f"Bearer {token}"}
    clients = [
        aiohttp.ClientSession(url, headers=headers, timeout=aiohttp.ClientTimeout(2 * LIMIT)) for url in urls
    ]
    try:
        yield clients
    finally:
        for client in clients:
            await client.close()


async def ask(api: aiohttp.ClientSession, body: Json) -> str:
    """The whole text of a good answer."""
    async with api.post(CHAT, json=body, timeout=aiohttp.ClientTimeout(3 * LIMIT)) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.text()


async def stop_all(children: list[Child]) -> None:
    while children:
        await stop_child(children.pop())


def forget(*pids: int) -> None:
    """Remove what the library left behind of killed processes."""
    for pid in pids:
        for path in SHARED.glob(f"*faketime_*_{pid}"):
            path.unlink(missing_ok=True)
