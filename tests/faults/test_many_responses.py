"""Many responses at once, through two workers of each kind, one of which is killed: each ends once, with its
own answer, and nothing waits any more."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from openai import AsyncOpenAI
from openai.types.responses import Response

from contracts.events import EVENT, Cancelled, Failed, Finished
from contracts.ids import job_id_of, new_ulid
from contracts.topics import COMPLETION, EVENTS, RESPONSE, TOOL, worker_group
from infra.bus.lag import open_lag
from infra.bus.tail import read_topic
from infra.embedded.child import has_ended_within, stop_child
from infra.settings import KafkaSettings
from tests.acceptance.waiting import until
from tests.engines.server import Engines
from tests.product import Product
from tests.upstream.script import Script
from tests.upstream.server import Upstream
from tests.upstream.turns import Json, calls, says

pytestmark = pytest.mark.stack

COUNT = 500
AT_ONCE = 50
"""Requests that are under way at a time."""
EVERY = 3
"""Each such response searches, and then answers."""
DRAINED = 200.0
"""Seconds, with a worker that is killed amid it."""
SEARCH: Any = {"type": "web_search"}


@pytest.fixture
async def twice(product: Product) -> AsyncIterator[Product]:
    """The product, with two workers of each kind."""
    while len(product.responses) < 2:
        await product.add_responses()
    while len(product.tools) < 2:
        await product.add_tools()
    more = await product.add_worker()
    yield product
    product.workers.remove(more)
    for children in (product.responses, product.tools):
        while children:
            await stop_child(children.pop())
    await stop_child(more)


def answered(body: Json) -> Script:
    """Whoever is asked with a tool calls it once, and then says the word that it was asked with."""
    messages = body["messages"]
    word = next(message["content"] for message in messages if message["role"] == "user")
    has_called = any(message["role"] == "tool" for message in messages)
    if body.get("tools") and not has_called:
        return calls(("google_search", {"q": word}))
    return says(word, " is it")


async def all_of(work: Sequence[Any]) -> list[Any]:  # awaitables
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(made: Any) -> Any:
        async with slots:
            return await made

    return await asyncio.gather(*(one(made) for made in work))


async def ends_of(kafka: KafkaSettings, names: Sequence[str]) -> Counter[str]:
    """How many ends are told of each of these jobs, an end that is told again counted once."""
    wanted, told = set(names), set()
    async for record in read_topic(kafka, EVENTS):
        event = EVENT.validate_json(record.value or b"")
        if event.job_id in wanted and isinstance(event, Finished | Failed | Cancelled):
            told.add((event.job_id, event.model_dump_json(exclude={"at"})))
    return Counter(job_id for job_id, _ in told)


async def is_drained(kafka: KafkaSettings) -> bool:
    """Whether no job waits, or is being done."""
    groups = {worker_group(one): [one] for one in (RESPONSE, TOOL, *COMPLETION.values())}
    async with open_lag(kafka) as lag:
        backlogs = await lag.backlogs(groups)
    return not any(count for topics in backlogs.values() for count in topics.values())


@pytest.mark.timeout(400)
async def test_500_in_the_background_end_once_each_with_its_own_answer(
    twice: Product, token: str, upstream: Upstream, engines: Engines, kafka: KafkaSettings
) -> None:
    upstream.by(answered)
    words = [f"w{number}-{new_ulid()}" for number in range(COUNT)]
    async with AsyncOpenAI(base_url=f"{twice.url}/v1", api_key=token, max_retries=0, timeout=120) as client:

        async def asked(number: int) -> Response:
            tools = [SEARCH] if number % EVERY == 0 else []
            return await client.responses.create(
                model="scripted", input=words[number], background=True, tools=tools
            )

        responses = await all_of([asked(number) for number in range(COUNT // 2)])
        victim = twice.responses.pop()
        victim.process.kill()
        assert await has_ended_within(victim, 10)
        responses += await all_of([asked(number) for number in range(COUNT // 2, COUNT)])
        await twice.add_responses()
        found: dict[str, Response] = {}

        async def are_over() -> bool:
            left = [one.id for one in responses if one.id not in found]
            told = await all_of([client.responses.retrieve(one) for one in left[:AT_ONCE]])
            found.update({one.id: one for one in told if one.status not in ("queued", "in_progress")})
            return len(found) == COUNT

        await until(are_over, DRAINED)

    texts = [found[one.id].output_text for one in responses]
    assert Counter(one.status for one in found.values()) == {"completed": COUNT}
    assert texts == [f"{word} is it" for word in words]
    searched = sorted(request.asked["q"] for request in engines.requests)
    assert searched == sorted(words[::EVERY])
    jobs = [str(job_id_of(one.id)) for one in responses]

    async def is_all_told() -> bool:
        return len(await ends_of(kafka, jobs)) == COUNT

    await until(is_all_told, 60)
    assert set((await ends_of(kafka, jobs)).values()) == {1}

    await until(lambda: is_drained(kafka), 60)
