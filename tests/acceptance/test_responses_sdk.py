"""Every way in which OpenAI's Python SDK works with responses: its stream helper, parsing, conversations."""

import asyncio
import json
from typing import Any

import pytest
from openai import AsyncOpenAI, NotFoundError, OpenAI, pydantic_function_tool
from pydantic import BaseModel

from tests.upstream.server import Upstream
from tests.upstream.turns import calls, says

pytestmark = [pytest.mark.stack, pytest.mark.usefixtures("response_worker")]

MODEL = "scripted"


class City(BaseModel):
    """A structured output."""

    name: str
    people: int


class Weather(BaseModel):
    """The weather of a city."""

    city: str


WEATHER: Any = pydantic_function_tool(Weather, name="weather")["function"] | {"type": "function"}
"""As responses have it: not below `function`."""


async def test_the_stream_helper_gathers_texts(sdk: AsyncOpenAI, upstream: Upstream) -> None:
    upstream.next(says("Hel", "lo", "!"))

    async with sdk.responses.stream(model=MODEL, input="Hi") as stream:
        snapshots = [event.snapshot async for event in stream if event.type == "response.output_text.delta"]

    assert snapshots == ["Hel", "Hello", "Hello!"]


async def test_the_stream_helper_parses_as_it_ends(sdk: AsyncOpenAI, upstream: Upstream) -> None:
    upstream.next(says('{"name": "Oslo",', ' "people": 700000}'))

    async with sdk.responses.stream(model=MODEL, input="A city", text_format=City) as stream:
        done = [event.parsed async for event in stream if event.type == "response.output_text.done"]
        final = await stream.get_final_response()

    assert done == [City(name="Oslo", people=700_000)]
    assert final.output_parsed == done[0]


async def test_the_stream_helper_gathers_and_parses_arguments(sdk: AsyncOpenAI, upstream: Upstream) -> None:
    upstream.next(calls(("weather", {"city": "Oslo"}), ("weather", {"city": "Rome"})))

    async with sdk.responses.stream(model=MODEL, input="Weather?", tools=[WEATHER]) as stream:
        kinds, snapshots = [], []
        async for event in stream:
            kinds.append(event.type)
            if event.type == "response.function_call_arguments.delta":
                snapshots.append(json.loads(event.snapshot))
        final = await (await stream.until_done()).get_final_response()

    assert snapshots == [{"city": "Oslo"}, {"city": "Rome"}]
    assert kinds.count("response.function_call_arguments.done") == 2
    parsed = [item.parsed_arguments for item in final.output if item.type == "function_call"]
    assert parsed == [{"city": "Oslo"}, {"city": "Rome"}]


@pytest.mark.parametrize("behind", [None, 3])
async def test_the_stream_helper_goes_on_with_one_that_is_there(
    sdk: AsyncOpenAI, upstream: Upstream, behind: int | None
) -> None:
    upstream.next(says("Hel", "lo"))
    begun = await sdk.responses.create(model=MODEL, input="Hi", stream=True, background=True)
    events = [event async for event in begun]
    first = events[0]
    assert first.type == "response.created"
    more: Any = {} if behind is None else {"starting_after": behind}

    async with sdk.responses.stream(response_id=first.response.id, **more) as stream:
        numbers = [event.sequence_number async for event in stream]
        final = await stream.get_final_response()

    assert numbers == list(range(0 if behind is None else behind + 1, len(events)))
    assert final.output_text == "Hello"


async def test_the_blocking_sdk_streams_and_goes_on(blocking_sdk: OpenAI, upstream: Upstream) -> None:
    upstream.next(says("Hel", "lo"))

    def use() -> tuple[str, int]:
        with blocking_sdk.responses.stream(model=MODEL, input="Hi") as stream:
            final = stream.get_final_response()
        with blocking_sdk.responses.stream(response_id=final.id, starting_after=2) as again:
            return final.output_text, next(iter(again)).sequence_number

    assert await asyncio.to_thread(use) == ("Hello", 3)


async def test_arguments_of_a_function_are_parsed(sdk: AsyncOpenAI, upstream: Upstream) -> None:
    upstream.next(calls(("weather", {"city": "Oslo"})))

    parsed = await sdk.responses.parse(model=MODEL, input="Weather?", tools=[WEATHER])

    (call,) = parsed.output
    assert call.type == "function_call"
    assert call.parsed_arguments == {"city": "Oslo"}


async def test_what_was_put_in_is_listed_page_by_page(sdk: AsyncOpenAI, upstream: Upstream) -> None:
    upstream.next(says("Yes"))
    texts = [f"Message {number}" for number in range(5)]
    response = await sdk.responses.create(
        model=MODEL, input=[{"role": "user", "content": text} for text in texts]
    )

    pages = [item async for item in sdk.responses.input_items.list(response.id, limit=2, order="asc")]

    assert [item.content[0].text for item in pages if item.type == "message"] == texts  # type: ignore[union-attr]  # texts


async def test_a_deleted_response_is_gone(sdk: AsyncOpenAI, upstream: Upstream) -> None:
    upstream.next(says("Yes"))
    response = await sdk.responses.create(model=MODEL, input="Hi")

    await sdk.responses.delete(response.id)

    with pytest.raises(NotFoundError):
        await sdk.responses.retrieve(response.id)


async def test_conversations_and_their_items(sdk: AsyncOpenAI, upstream: Upstream) -> None:
    conversation = await sdk.conversations.create(
        items=[{"type": "message", "role": "user", "content": "My name is Jan."}], metadata={"a": "1"}
    )
    more = await sdk.conversations.items.create(
        conversation.id,
        items=[
            {"type": "message", "role": "user", "content": "I like walks."},
            {"type": "message", "role": "user", "content": "Never mind."},
        ],
    )
    mind = more.data[1].id
    assert mind is not None
    found = await sdk.conversations.items.retrieve(mind, conversation_id=conversation.id)
    after = await sdk.conversations.items.delete(mind, conversation_id=conversation.id)
    changed = await sdk.conversations.update(conversation.id, metadata={"b": "2"})
    upstream.next(says("Jan"))

    response = await sdk.responses.create(model=MODEL, input="Who am I?", conversation=conversation.id)

    assert (found.id, after.id) == (mind, conversation.id)
    assert changed.metadata == (await sdk.conversations.retrieve(conversation.id)).metadata == {"b": "2"}
    assert response.conversation is not None
    assert response.conversation.id == conversation.id
    told = [message["content"] for message in upstream.chats[-1].json["messages"]]
    assert told == ["My name is Jan.", "I like walks.", "Who am I?"]
    kept = [item async for item in sdk.conversations.items.list(conversation.id, order="asc", limit=2)]
    assert [item.type for item in kept] == ["message"] * 4
    assert (await sdk.conversations.delete(conversation.id)).deleted
    with pytest.raises(NotFoundError):
        await sdk.conversations.retrieve(conversation.id)
