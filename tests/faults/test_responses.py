"""Responses whose workers are killed at every boundary of their steps: as if nobody had died."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiohttp
import pytest
from openai import AsyncOpenAI

from contracts.ids import job_id_of, new_ulid
from infra.embedded.child import Child, has_ended_within, stop_child
from infra.embedded.server import StackError
from infra.failpoints import Moment
from infra.settings import KafkaSettings
from tests.acceptance.waiting import until
from tests.engines.server import Engines, open_engines
from tests.faults.test_moments import ends_in, events_of, has_ended, plan
from tests.product import Product
from tests.upstream.server import Upstream
from tests.upstream.turns import calls, says

pytestmark = pytest.mark.stack

Json = dict[str, Any]  # OpenAI's wire
TAKEOVER = 90.0
"""Seconds for the sessions of dead workers, of 6 s each, and their successors' starts."""
SEARCHES = 2
TURNS = 4
"""Turns of a response: each but the last makes so many searches."""
STEPS = 1 + TURNS + (TURNS - 1) * SEARCHES
"""Words that a response of these turns takes: it is asked for, and each of its jobs ends."""


@pytest.fixture
async def engines(engines_port: int) -> AsyncIterator[Engines]:
    async with open_engines(engines_port) as engines:
        yield engines


@pytest.fixture
async def alone(product: Product) -> AsyncIterator[Product]:
    """The product, for a test that starts the workers of responses and tools itself."""
    await stop_all(product)
    yield product
    await stop_all(product)


async def stop_all(product: Product) -> None:
    for children in (product.responses, product.tools):
        while children:
            await stop_child(children.pop())


def scripted(upstream: Upstream) -> None:
    """Turns with two searches each, of what nobody has searched before, and an answer."""
    for turn in range(TURNS - 1):
        words = [f"{turn}.{one} {new_ulid()}" for one in range(SEARCHES)]
        upstream.next(calls(*(("google_search", {"q": word}) for word in words)))
    upstream.next(says("All", " found"))


async def seen(client: AsyncOpenAI) -> tuple[str, list[Json]]:
    """The response of a stream that nobody cuts, and its events without what differs from one to another."""
    stream = await client.responses.create(
        model="scripted", input="Search", tools=[{"type": "web_search"}], stream=True
    )
    events = [event async for event in stream]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    last = events[-1]
    assert last.type == "response.completed", last.to_dict()
    return last.response.id, [plain(event.to_dict()) for event in events]


def plain(event: Mapping[str, object]) -> Json:
    """An event as two responses that go alike have it. Which of two calls ends first is chance."""
    kind = str(event["type"])
    if kind.endswith((".completed", ".done", ".searching")) or "item" in event:
        return {"type": kind}
    return {"type": kind, "delta": event.get("delta")}


def in_order(events: list[Json]) -> list[str]:
    return sorted(json.dumps(event) for event in events)


class Mortals:
    """Response workers that die at such a moment, each replaced by another one. Opened by `mortals`."""

    def __init__(self, product: Product, moment: Moment) -> None:
        self.died = 0
        self._product = product
        self._moment = moment

    async def follow(self) -> None:
        """Until cancelled; then the last one is stopped."""
        child: Child | None = None
        hit = 1
        try:
            while True:
                child = await self._born(hit)
                if child is not None:
                    while not await has_ended_within(child, TAKEOVER):
                        pass
                self.died += 1
                hit = 2
        finally:
            if child is not None:
                await stop_child(child)

    async def _born(self, hit: int) -> Child | None:
        """A worker; None where it died before it was ready."""
        try:
            child = await self._product.add_responses(plan(self._moment, hit))
        except StackError:
            return None
        self._product.responses.clear()
        return child


@asynccontextmanager
async def mortals(product: Product, moment: Moment) -> AsyncIterator[Mortals]:
    """They die at their first such moment, then at their second, until the block ends."""
    workers = Mortals(product, moment)
    following = asyncio.create_task(workers.follow())
    try:
        yield workers
    finally:
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following


@pytest.mark.parametrize("moment", [Moment.STEPPED, Moment.SENT, Moment.DONE])
@pytest.mark.timeout(300)
async def test_killed_at_every_step_it_ends_as_if_nobody_had_died(
    alone: Product,
    token: str,
    upstream: Upstream,
    engines: Engines,
    kafka: KafkaSettings,
    moment: Moment,
) -> None:
    await alone.add_tools()
    calm = await alone.add_responses()
    async with AsyncOpenAI(base_url=f"{alone.url}/v1", api_key=token, max_retries=0, timeout=280) as client:
        scripted(upstream)
        _, expected = await seen(client)
        alone.responses.remove(calm)
        await stop_child(calm)

        scripted(upstream)
        async with mortals(alone, moment) as dying:
            response_id, events = await seen(client)

    assert dying.died >= STEPS // 2 - 1
    assert in_order(events) == in_order(expected)
    assert len(engines.requests) == 2 * (TURNS - 1) * SEARCHES
    assert len(upstream.chats) == 2 * TURNS
    job_id = job_id_of(response_id)
    assert job_id is not None
    await until(lambda: has_ended(kafka, job_id), TAKEOVER)
    assert len(ends_in(await events_of(kafka, job_id))) == 1


@pytest.mark.timeout(300)
async def test_a_tool_worker_that_dies_in_a_response_is_replaced_and_each_call_is_made_once(
    alone: Product, api: aiohttp.ClientSession, upstream: Upstream, engines: Engines
) -> None:
    scripted(upstream)
    await alone.add_responses()
    first = await alone.add_tools(plan(Moment.KEPT, 3))
    alone.tools.clear()
    body = {"model": "scripted", "input": "Search", "tools": [{"type": "web_search"}], "background": True}
    async with api.post("/v1/responses", json=body) as answer:
        response = await answer.json()
    assert await has_ended_within(first, TAKEOVER)
    await alone.add_tools()

    async def now() -> Json:
        async with api.get(f"/v1/responses/{response['id']}") as told:
            found: Json = await told.json()
            return found

    async def is_done() -> bool:
        return (await now())["status"] not in ("queued", "in_progress")

    await until(is_done, TAKEOVER)
    ended = await now()
    assert ended["status"] == "completed", ended
    assert [item["status"] for item in ended["output"]] == ["completed"] * (1 + (TURNS - 1) * SEARCHES)
    assert len(engines.requests) == (TURNS - 1) * SEARCHES
