"""500 responses in the background at once, through two workers of each kind, one of which is killed."""

import asyncio
from collections import Counter
from typing import Any

import aiohttp
import pytest
from openai import AsyncOpenAI

from contracts.envelope import Lane
from contracts.events import EVENT, TERMINAL_EVENTS
from contracts.ids import job_id_of
from contracts.topics import COMPLETION, EVENTS, RESPONSE, TOOL, worker_group
from infra.bus.lag import open_lag
from infra.bus.tail import read_topic
from infra.embedded.child import has_ended_within, kill_group
from infra.settings import KafkaSettings
from tests.acceptance.responding import Json, executions, is_over, shown
from tests.acceptance.waiting import LIMIT, until
from tests.engines.server import Engines
from tests.product import Product
from tests.upstream.script import Script
from tests.upstream.server import Upstream
from tests.upstream.turns import calls, says

pytestmark = pytest.mark.stack

COUNT = 500
IN_THE_MIDDLE = COUNT // 3
"""Chats after which a worker dies."""
DRAINED = 180.0
"""Seconds within which all have surely ended."""
DRAINING = (COMPLETION[Lane.DEFAULT], RESPONSE, TOOL)


def echo(body: Json) -> Script:
    """Says to each what it was asked, and to some only after a search."""
    question, *rest = body["messages"]
    word = str(question["content"])
    if searches(word) and not rest:
        return calls(("google_search", {"q": word}))
    return says("You said ", word)


def searches(word: str) -> bool:
    """Every third one does before it answers."""
    return int(word.partition(" ")[2]) % 3 == 0


@pytest.fixture
async def pairs(alone: Product, hurt: Product) -> Product:
    """The product with two workers of each kind."""
    adding = [hurt.add_responses(), hurt.add_responses(), hurt.add_tools(), hurt.add_tools()]
    await asyncio.gather(hurt.add_worker(), *adding)
    return hurt


@pytest.mark.kafka
@pytest.mark.timeout(300)
async def test_none_of_many_is_lost_or_mixed_up_while_a_worker_dies(
    pairs: Product, token: str, api: aiohttp.ClientSession, upstream: Upstream, engines: Engines
) -> None:
    upstream.by(echo)
    words = [f"word {number}" for number in range(COUNT)]
    searching = [word for word in words if searches(word)]

    async with client_of(pairs, token) as client, asyncio.TaskGroup() as tasks:
        asking = {word: tasks.create_task(asked(client, word)) for word in words}
        await until(lambda: are_asked(upstream, IN_THE_MIDDLE), DRAINED)
        await replaced(pairs)
    named = {word: task.result() for word, task in asking.items()}
    ended = {word: await end_of(api, response_id) for word, response_id in named.items()}

    assert Counter(response["status"] for response in ended.values()) == {"completed": COUNT}
    assert {word: said(response) for word, response in ended.items()} == {
        word: f"You said {word}" for word in words
    }
    for word in searching:
        (call,) = await executions(api, named[word])
        assert (call["status"], call["arguments"]["q"]) == ("completed", word)
    assert Counter(request.asked["q"] for request in engines.requests) == Counter(searching)
    assert len(upstream.chats) == COUNT + len(searching)
    await until(lambda: nothing_waits(pairs.servers.kafka), DRAINED)
    ends = await ends_in(pairs.servers.kafka)
    assert [len(ends[job_id_of(response_id) or ""]) for response_id in named.values()] == [1] * COUNT


def client_of(product: Product, token: str) -> AsyncOpenAI:
    """The SDK. It asks again where it was refused, as it does by itself."""
    return AsyncOpenAI(base_url=f"{product.url}/v1", api_key=token, max_retries=5, timeout=DRAINED)


async def asked(client: AsyncOpenAI, word: str) -> str:
    """A response in the background; its id."""
    tools: Any = [{"type": "web_search"}] if searches(word) else []
    response = await client.responses.create(model="scripted", input=word, tools=tools, background=True)
    return response.id


async def end_of(api: aiohttp.ClientSession, response_id: str) -> Json:
    """A response, when it has ended."""
    await until(lambda: is_over(api, response_id), DRAINED)
    return await shown(api, response_id)


def said(response: Json) -> str:
    """Its answer."""
    text: str = response["output"][-1]["content"][0]["text"]
    return text


async def are_asked(upstream: Upstream, count: int) -> bool:
    return len(upstream.chats) >= count


async def replaced(product: Product) -> None:
    """SIGKILL for one worker of responses, and a successor."""
    worker = product.responses.pop(0)
    kill_group(worker.pid)
    assert await has_ended_within(worker, LIMIT)
    await product.add_responses()


async def nothing_waits(kafka: KafkaSettings) -> bool:
    async with open_lag(kafka) as lag:
        waiting = await lag.backlogs({worker_group(topic): [topic] for topic in DRAINING})
    return not any(count for topics in waiting.values() for count in topics.values())


async def ends_in(kafka: KafkaSettings) -> dict[str, set[str]]:
    """The different ends of each job: one that a successor tells again is the same."""
    ends: dict[str, set[str]] = {}
    async for record in read_topic(kafka, EVENTS):
        event = EVENT.validate_json(record.value or b"")
        if isinstance(event, TERMINAL_EVENTS):
            ends.setdefault(event.job_id, set()).add(event.model_dump_json())
    return ends
