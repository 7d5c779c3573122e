"""Responses whose workers are killed at every boundary of their steps: as if nobody had died.

    response worker   stepped: a step is committed │ sent: what it sends is sent │ done: its word is taken
    tool worker       claimed │ seen: the tool was called, and nobody knows │ kept │ closed │ told │ done

What a call brought is asked for once, wherever its worker dies behind that. A call that is cut in the middle
is made again where its tool only reads, and else its model is told that the worker was lost (decision 0019).
"""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import aiohttp
import pytest
from openai import AsyncOpenAI
from openai.types.responses import Response

from contracts.ids import job_id_of, new_ulid
from infra.embedded.child import has_ended_within
from infra.failpoints import Moment
from infra.settings import KafkaSettings
from tests.acceptance.responding import begun, executions, shown
from tests.acceptance.waiting import until
from tests.engines.script import Script
from tests.engines.server import Engines
from tests.faults.mortals import Fate, mortals, response_mortals, tool_mortals
from tests.faults.test_moments import ends_in, events_of, has_ended, plan
from tests.faults.test_tools import needs_python
from tests.product import Product, stop_all
from tests.upstream.server import Upstream
from tests.upstream.turns import calls, says

pytestmark = pytest.mark.stack

Json = dict[str, Any]  # OpenAI's wire
TAKEOVER = 90.0
"""Seconds for the sessions of dead workers, of 6 s each, and their successors' starts."""
SEARCHES = 2
TURNS = 8
"""Turns of a response: each but the last makes so many searches."""
CALLS = (TURNS - 1) * SEARCHES
FEWEST_STEPS = 1 + TURNS + (TURNS - 1)
"""It is asked for, each turn ends, and the calls of a turn end, where both do so in one look."""
MOST_STEPS = 1 + TURNS + CALLS
SENDING = (Fate(Moment.STEPPED), Fate(Moment.SENT))
"""Each step is committed by one worker, sent by a second one, and found sent by a third one."""
TAKING = (Fate(Moment.DONE),)
"""No worker takes more than one look."""
TOOL_FATES = (
    Fate(Moment.CLAIMED, hit=3), Fate(Moment.SEEN), Fate(Moment.KEPT),
    Fate(Moment.CLOSED), Fate(Moment.TOLD), Fate(Moment.DONE),
)  # fmt: skip
"""All the boundaries of every third call."""
SOME_CALLS = (Fate(Moment.KEPT, hit=5),)


@pytest.fixture
async def client(alone: Product, token: str) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=f"{alone.url}/v1", api_key=token, max_retries=0, timeout=280) as client:
        yield client


def scripted(upstream: Upstream, turns: int = TURNS) -> list[str]:
    """Turns with two searches each, of what nobody has searched before, and an answer; what is searched."""
    words = [f"{number} {new_ulid()}" for number in range((turns - 1) * SEARCHES)]
    for first in range(0, len(words), SEARCHES):
        upstream.next(calls(*(("google_search", {"q": word}) for word in words[first : first + SEARCHES])))
    upstream.next(says("All", " found"))
    return words


async def seen(client: AsyncOpenAI) -> tuple[Response, list[Json]]:
    """The response of a stream that nobody cuts, and its events without what differs from one to another."""
    stream = await client.responses.create(
        model="scripted", input="Search", tools=[{"type": "web_search"}], stream=True
    )
    events = [event async for event in stream]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    last = events[-1]
    assert last.type == "response.completed", last.to_dict()
    return last.response, [plain(event.to_dict()) for event in events]


def plain(event: Mapping[str, object]) -> Json:
    """An event as two responses that go alike have it. Which of two calls ends first is chance."""
    kind = str(event["type"])
    if kind.endswith((".completed", ".done", ".searching")) or "item" in event:
        return {"type": kind}
    return {"type": kind, "delta": event.get("delta")}


def in_order(events: list[Json]) -> list[str]:
    return sorted(json.dumps(event) for event in events)


def searched(engines: Engines, words: Sequence[str]) -> list[int]:
    """How often the engine was asked for each."""
    asked = Counter(request.asked["q"] for request in engines.requests)
    return [asked[word] for word in words]


async def executed(api: aiohttp.ClientSession, response_id: str) -> list[tuple[str, str]]:
    """What was searched, and what became of it."""
    found = await executions(api, response_id)
    return sorted((one["arguments"]["q"], one["status"]) for one in found)


def completed(words: Sequence[str]) -> list[tuple[str, str]]:
    return sorted((word, "completed") for word in words)


async def ends_once(kafka: KafkaSettings, response_id: str) -> None:
    job_id = job_id_of(response_id)
    assert job_id is not None
    await until(lambda: has_ended(kafka, job_id), TAKEOVER)
    assert len(ends_in(await events_of(kafka, job_id))) == 1


@pytest.mark.parametrize(
    "fates", [(SENDING, TOOL_FATES), (TAKING, SOME_CALLS)], ids=["stepped, sent", "done"]
)
@pytest.mark.timeout(400)
async def test_killed_at_every_boundary_it_ends_as_if_nobody_had_died(
    alone: Product,
    client: AsyncOpenAI,
    api: aiohttp.ClientSession,
    upstream: Upstream,
    engines: Engines,
    fates: tuple[Sequence[Fate], Sequence[Fate]],
) -> None:
    await alone.add_tools()
    await alone.add_responses()
    calm_words = scripted(upstream)
    calm, expected = await seen(client)
    await stop_all(alone.responses, alone.tools)

    words = scripted(upstream)
    responding, calling = response_mortals(alone, fates[0]), tool_mortals(alone, fates[1])
    async with mortals(responding, calling):
        response, events = await seen(client)

    assert min(responding.died[fate.moment] for fate in responding.fates) >= FEWEST_STEPS - 1
    assert responding.died[Moment.STEPPED] <= MOST_STEPS
    assert min(calling.died[fate.moment] for fate in calling.fates) >= 2
    assert in_order(events) == in_order(expected)
    assert searched(engines, calm_words + words) == [1] * 2 * CALLS
    assert len(upstream.chats) == 2 * TURNS
    assert await executed(api, calm.id) == completed(calm_words)
    assert await executed(api, response.id) == completed(words)
    await ends_once(alone.servers.kafka, response.id)


@pytest.mark.timeout(300)
async def test_a_death_between_two_calls_repeats_the_one_that_was_cut_alone(
    alone: Product, api: aiohttp.ClientSession, upstream: Upstream, engines: Engines, kafka: KafkaSettings
) -> None:
    words = scripted(upstream, turns=2)
    both_asked = asyncio.Event()
    engines.next("serper", Script(gate=both_asked), Script(fault="hang"))
    await alone.add_responses()
    first = await alone.add_tools(plan(Moment.KEPT, 1))
    alone.tools.clear()

    response_id = await begun(api, {"type": "web_search"})
    _, cut = await engines.asked(1), await engines.asked(2)
    both_asked.set()
    assert await has_ended_within(first, TAKEOVER)
    await alone.add_tools()

    await ends_once(kafka, response_id)
    assert (await shown(api, response_id))["status"] == "completed"
    assert searched(engines, words) == [2 if word == cut.asked["q"] else 1 for word in words]
    assert await executed(api, response_id) == completed(words)


@pytest.mark.timeout(300)
async def test_a_program_whose_worker_dies_is_not_run_again_and_the_model_is_told(
    alone: Product, api: aiohttp.ClientSession, upstream: Upstream, kafka: KafkaSettings
) -> None:
    upstream.next(calls(("python_exec", {"code": "print(6 * 7)"})), says("So be it"))
    await alone.add_responses()
    first = await alone.add_tools(plan(Moment.SEEN, 1))
    await needs_python(api)
    alone.tools.clear()

    response_id = await begun(api, {"type": "code_interpreter", "container": {"type": "auto"}})
    assert await has_ended_within(first, TAKEOVER)
    await alone.add_tools()

    await ends_once(kafka, response_id)
    response = await shown(api, response_id)
    assert response["status"] == "completed", response
    (call,) = await executions(api, response_id)
    assert (call["status"], call["result"]) == ("failed", None)
    told = upstream.chats[-1].json["messages"][-1]
    assert (told["role"], told["content"]) == ("tool", call["error"])
    assert "was lost" in call["error"]
