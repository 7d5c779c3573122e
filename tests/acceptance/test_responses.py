"""The Responses API on the running product, by OpenAI's own SDK."""

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from openai import AsyncOpenAI, BadRequestError, NotFoundError
from pydantic import BaseModel

from contracts.ids import new_ulid
from contracts.responses.objects import DEFAULTS
from tests.acceptance.waiting import until
from tests.engines.server import Engines
from tests.product import Product
from tests.upstream.server import Upstream
from tests.upstream.turns import calls, says

pytestmark = [pytest.mark.stack, pytest.mark.usefixtures("response_worker")]

Json = dict[str, Any]  # OpenAI's wire
MODEL = "scripted"
WEATHER: Json = {
    "type": "function",
    "name": "weather",
    "description": "The weather of a city",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    "strict": False,
}
OWN_KEYS = ("id", "created_at", "completed_at", "error", "incomplete_details", "usage", "background")
TEXT_EVENTS = [
    *("response.created", "response.in_progress", "response.output_item.added"),
    *("response.content_part.added", "response.output_text.delta", "response.output_text.delta"),
    *("response.output_text.done", "response.content_part.done", "response.output_item.done"),
    "response.completed",
]


class City(BaseModel):
    name: str
    people: int


@pytest.fixture
async def stranger(product: Product) -> AsyncIterator[AsyncOpenAI]:
    """Somebody else."""
    key = await product.token()
    async with AsyncOpenAI(base_url=f"{product.url}/v1", api_key=key, max_retries=0) as client:
        yield client


def told_last(upstream: Upstream) -> list[Json]:
    """The messages of the last chat that the provider was asked for."""
    messages: list[Json] = upstream.chats[-1].json["messages"]
    return messages


async def test_a_response_has_every_key(api: aiohttp.ClientSession, upstream: Upstream) -> None:
    upstream.next(says("Hel", "lo"))

    async with api.post(
        "/v1/responses", json={"model": MODEL, "input": "Hi", "instructions": "Be kind."}
    ) as answer:
        response = await answer.json()

    assert answer.status == 200, response
    assert {
        "id",
        "created_at",
        "completed_at",
        "error",
        "incomplete_details",
        "usage",
        *DEFAULTS,
    } <= response.keys()
    assert (response["object"], response["status"], response["store"]) == ("response", "completed", True)
    assert response["output"][0]["content"][0]["text"] == "Hello"
    assert response["usage"]["total_tokens"] == 14
    assert response["execution_metadata"]["actual_depth"] == 1
    assert told_last(upstream) == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Hi"},
    ]


async def test_a_stream_is_ordered_and_gapless(sdk: AsyncOpenAI, upstream: Upstream) -> None:
    upstream.next(says("Hel", "lo"))

    events = [event async for event in await sdk.responses.create(model=MODEL, input="Hi", stream=True)]

    assert [event.type for event in events] == TEXT_EVENTS
    assert [event.sequence_number for event in events] == list(range(len(events)))
    last = events[-1]
    assert last.type == "response.completed"
    assert last.response.output_text == "Hello"


async def test_the_sdks_stream_helper_gathers_it(sdk: AsyncOpenAI, upstream: Upstream) -> None:
    upstream.next(says("Hel", "lo"))

    async with sdk.responses.stream(model=MODEL, input="Hi") as stream:
        deltas = [event.delta async for event in stream if event.type == "response.output_text.delta"]
        final = await stream.get_final_response()

    assert deltas == ["Hel", "lo"]
    assert final.output_text == "Hello"


async def test_structured_output_is_parsed(sdk: AsyncOpenAI, upstream: Upstream) -> None:
    upstream.next(says('{"name": "Oslo", ', '"people": 700000}'))

    parsed = await sdk.responses.parse(model=MODEL, input="A city", text_format=City)

    assert parsed.output_parsed == City(name="Oslo", people=700_000)
    wanted = upstream.chats[-1].json["response_format"]
    assert wanted["json_schema"]["name"] == "City"
    assert list(wanted["json_schema"]["schema"]["properties"]) == ["name", "people"]


async def test_a_function_is_handed_back_and_its_output_goes_on(sdk: AsyncOpenAI, upstream: Upstream) -> None:
    upstream.next(calls(("weather", {"city": "Oslo"})), says("Sunny"))

    asked = await sdk.responses.create(model=MODEL, input="Weather?", tools=[WEATHER])  # type: ignore[list-item]  # as JSON
    (call,) = asked.output
    assert call.type == "function_call"
    answered = await sdk.responses.create(
        model=MODEL,
        previous_response_id=asked.id,
        input=[{"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}],
    )

    assert (call.name, json.loads(call.arguments)) == ("weather", {"city": "Oslo"})
    assert answered.output_text == "Sunny"
    question, calling, output = told_last(upstream)
    assert question == {"role": "user", "content": "Weather?"}
    assert calling["tool_calls"][0]["function"]["name"] == "weather"
    assert output == {"role": "tool", "tool_call_id": call.call_id, "content": "sunny"}


@pytest.mark.usefixtures("tool_worker")
async def test_tools_of_ours_are_called_side_by_side_and_told_to_the_model(
    sdk: AsyncOpenAI, api: aiohttp.ClientSession, upstream: Upstream, engines: Engines
) -> None:
    upstream.next(
        calls(("google_search", {"q": "cats"}), ("google_search", {"q": "dogs"})), says("Cats", " win")
    )

    stream = await sdk.responses.create(
        model=MODEL, input="Cats or dogs?", tools=[{"type": "web_search"}], stream=True,
        include=["web_search_call.action.sources"],
    )  # fmt: skip
    events = [event async for event in stream]

    assert [event.sequence_number for event in events] == list(range(len(events)))
    kinds = [event.type for event in events]
    assert kinds.count("response.web_search_call.searching") == 2
    assert kinds.count("response.web_search_call.completed") == 2
    assert kinds[-1] == "response.completed"
    last = events[-1]
    assert last.type == "response.completed"
    first, second, message = last.response.output
    assert (first.type, second.type, message.type) == ("web_search_call", "web_search_call", "message")
    assert first.to_dict()["action"]["sources"]  # type: ignore[index]  # as JSON
    assert len(engines.requests) == 2
    question, calling, *outputs = told_last(upstream)
    assert [call["function"]["name"] for call in calling["tool_calls"]] == ["google_search"] * 2
    assert [output["role"] for output in outputs] == ["tool", "tool"]
    assert question["content"] == "Cats or dogs?"
    async with api.get(f"/v1/responses/{last.response.id}/tool_executions") as answer:
        executed = (await answer.json())["data"]
    assert [one["status"] for one in executed] == ["completed", "completed"]
    assert all(one["duration_ms"] >= 0 for one in executed)


@pytest.mark.usefixtures("tool_worker")
async def test_all_turns_answer_with_no_more_tokens_than_it_may_have(
    sdk: AsyncOpenAI, upstream: Upstream, engines: Engines
) -> None:
    upstream.next(calls(("google_search", {"q": "cats"})), calls(("google_search", {"q": "dogs"})))
    tools: Any = [{"type": "web_search"}]

    response = await sdk.responses.create(model=MODEL, input="Go", tools=tools, max_output_tokens=8)

    assert [chat.json["max_tokens"] for chat in upstream.chats] == [8, 4]
    assert response.status == "incomplete"
    assert response.incomplete_details is not None
    assert response.incomplete_details.reason == "max_output_tokens"
    assert len(engines.requests) == 2


@pytest.mark.usefixtures("tool_worker")
async def test_a_call_waits_for_approval(sdk: AsyncOpenAI, upstream: Upstream, engines: Engines) -> None:
    tools: Any = [{"type": "mcp", "server_label": "jan", "allowed_tools": ["google_search"]}]
    upstream.next(calls(("google_search", {"q": "cats"})), says("Cats"))

    asked = await sdk.responses.create(model=MODEL, input="Cats?", tools=tools)
    (listed, question) = asked.output
    assert (listed.type, question.type) == ("mcp_list_tools", "mcp_approval_request")
    assert engines.requests == []
    said: Any = {"type": "mcp_approval_response", "approval_request_id": question.id, "approve": True}
    answered = await sdk.responses.create(
        model=MODEL, previous_response_id=asked.id, input=[said], tools=tools
    )

    assert len(engines.requests) == 1
    called = next(item for item in answered.output if item.type == "mcp_call")
    assert called.output is not None
    assert answered.output_text == "Cats"


async def test_a_conversation_goes_on_with_it(sdk: AsyncOpenAI, upstream: Upstream) -> None:
    conversation = await sdk.conversations.create()
    upstream.next(says("One"), says("Two"))

    await sdk.responses.create(model=MODEL, input="First", conversation=conversation.id)
    await sdk.responses.create(model=MODEL, input="Second", conversation=conversation.id)

    assert [message["content"] for message in told_last(upstream)] == ["First", "One", "Second"]
    items = [item async for item in sdk.conversations.items.list(conversation.id, order="asc")]
    assert [item.type for item in items] == ["message"] * 4


async def test_in_the_background_it_is_answered_at_once_and_polled(
    sdk: AsyncOpenAI, upstream: Upstream
) -> None:
    upstream.next(says("Later", hold=1))

    response = await sdk.responses.create(model=MODEL, input="Hi", background=True)
    assert (response.status, response.output) == ("queued", [])
    (await upstream.asked()).release()

    async def is_done() -> bool:
        return (await sdk.responses.retrieve(response.id)).status == "completed"

    await until(is_done)
    assert (await sdk.responses.retrieve(response.id)).output_text == "Later"


async def test_in_the_background_one_key_is_one_response(sdk: AsyncOpenAI, upstream: Upstream) -> None:
    upstream.next(says("Once"))
    key = {"Idempotency-Key": new_ulid()}

    first = await sdk.responses.create(model=MODEL, input="Hi", background=True, extra_headers=key)

    async def is_done() -> bool:
        return (await sdk.responses.retrieve(first.id)).status == "completed"

    await until(is_done)
    again = await sdk.responses.create(model=MODEL, input="Hi", background=True, extra_headers=key)
    assert (again.id, again.status, again.output_text) == (first.id, "completed", "Once")
    assert len(upstream.chats) == 1


async def test_a_stream_goes_on_behind_any_event_on_any_edge(
    sdk: AsyncOpenAI, product: Product, token: str, upstream: Upstream
) -> None:
    upstream.next(says("Hel", "lo"))
    stream = await sdk.responses.create(model=MODEL, input="Hi", stream=True, background=True)
    events = [event async for event in stream]
    created = events[0]
    assert created.type == "response.created"
    other = await product.add_edge()

    async with AsyncOpenAI(base_url=f"{other}/v1", api_key=token, max_retries=0) as elsewhere:
        for number in range(-1, len(events) - 1):
            again = (
                await elsewhere.responses.retrieve(created.response.id, stream=True, starting_after=number)
                if number >= 0
                else await elsewhere.responses.retrieve(created.response.id, stream=True)
            )
            rest = [event async for event in again]
            assert [event.to_dict() for event in rest] == [event.to_dict() for event in events[number + 1 :]]


@pytest.mark.parametrize("at", ["queued", "in a turn", "ended"])
async def test_cancelled_it_has_one_end(sdk: AsyncOpenAI, upstream: Upstream, at: str) -> None:
    upstream.next(says("Never", hold=1))
    response = await sdk.responses.create(model=MODEL, input="Hi", background=True)
    if at == "in a turn":
        await upstream.asked()
    if at == "ended":
        (await upstream.asked()).release()

        async def is_done() -> bool:
            return (await sdk.responses.retrieve(response.id)).status == "completed"

        await until(is_done)

    first = await sdk.responses.cancel(response.id)
    second = await sdk.responses.cancel(response.id)

    assert first.status == second.status == ("completed" if at == "ended" else "cancelled")

    async def is_let_go() -> bool:
        return upstream.open_connections == 0 or at == "ended"

    await until(is_let_go)


async def test_one_that_is_not_in_the_background_cannot_be_cancelled(
    sdk: AsyncOpenAI, upstream: Upstream
) -> None:
    upstream.next(says("Hi"))
    response = await sdk.responses.create(model=MODEL, input="Hi")

    with pytest.raises(BadRequestError):
        await sdk.responses.cancel(response.id)


async def test_a_providers_failure_ends_it_as_failed(sdk: AsyncOpenAI, upstream: Upstream) -> None:
    upstream.next(says("Hi", status=400, body=b'{"error": {"message": "No such thing"}}'))

    stream = await sdk.responses.create(model=MODEL, input="Hi", stream=True)
    events = [event async for event in stream]

    last = events[-1]
    assert last.type == "response.failed"
    assert last.response.error is not None
    assert last.response.error.code == "invalid_prompt"


async def test_it_is_its_tenants_alone(sdk: AsyncOpenAI, stranger: AsyncOpenAI, upstream: Upstream) -> None:
    upstream.next(says("Mine"))
    response = await sdk.responses.create(model=MODEL, input="Hi")

    for ask in (stranger.responses.retrieve, stranger.responses.delete, stranger.responses.cancel):
        with pytest.raises(NotFoundError):
            await ask(response.id)
    with pytest.raises(NotFoundError):
        await stranger.responses.create(model=MODEL, input="Hi", previous_response_id=response.id)
    conversation = await sdk.conversations.create()
    with pytest.raises(NotFoundError):
        await stranger.responses.create(model=MODEL, input="Hi", conversation=conversation.id)
    await sdk.responses.delete(response.id)
    with pytest.raises(NotFoundError):
        await sdk.responses.retrieve(response.id)


async def test_it_is_a_job_that_only_its_own_route_cancels(
    api: aiohttp.ClientSession, product: Product, upstream: Upstream
) -> None:
    upstream.next(says("Hi", hold=1))
    if not product.ledgers:
        await product.add_ledger()
    async with api.post("/v1/responses", json={"model": MODEL, "input": "Hi", "background": True}) as answer:
        response_id = (await answer.json())["id"]
    request = await upstream.asked()

    async def is_refused() -> bool:
        async with api.post(f"/v1/jobs/{response_id}/cancel") as refused:
            return refused.status == 400

    await until(is_refused)
    request.release()

    async def is_finished() -> bool:
        async with api.get(f"/v1/jobs/{response_id}") as shown:
            view = (await shown.json())["data"]
            return (view["state"], view["kind"]) == ("finished", "response")

    await until(is_finished)
