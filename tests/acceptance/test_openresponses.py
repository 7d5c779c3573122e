"""The six areas of Open Responses' compliance suite: each answer and each event fits the published schema.

The areas, and what must hold in each, are those of src/lib/compliance-tests.ts in that repository; beside
them, what reached the model is looked at. Where no tool and no image is needed, a real model is asked, too.
"""

import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import aiohttp
import pytest
from pydantic import ValidationError

from infra.settings import ProviderSettings
from tests.acceptance.openresponses import (
    EVENT,
    FunctionCall,
    ItemEvent,
    Message,
    ResponseResource,
    Snapshot,
    StreamEvent,
)
from tests.acceptance.pictures import data_url, picture
from tests.acceptance.test_trimming import PATIENCE, is_offered
from tests.acceptance.waiting import until
from tests.product import Product
from tests.upstream.server import Upstream
from tests.upstream.turns import Json, calls, says

pytestmark = [
    pytest.mark.stack,
    pytest.mark.usefixtures("response_worker"),
    pytest.mark.timeout(300),
]

PATH = "/v1/responses"
TERMINAL = ("response.completed", "response.failed", "response.incomplete")
GET_WEATHER: Json = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather at a place",
    "parameters": {
        "type": "object",
        "properties": {"location": {"type": "string"}},
        "required": ["location"],
    },
}


def said(role: str, content: str | Sequence[Json]) -> Json:
    return {"type": "message", "role": role, "content": content}


GREETING = [said("user", "Say hello in exactly 3 words.")]
COUNTING = [said("user", "Count from 1 to 5.")]
PIRATE = [said("system", "You are a pirate, and speak like one."), said("user", "Say hello.")]
WEATHER = [said("user", "What's the weather like in San Francisco?")]
ALICE = [
    said("user", "My name is Alice."),
    said("assistant", "Hello Alice! How can I help you?"),
    said("user", "What is my name?"),
]
PLAIN = {"a greeting": GREETING, "a system prompt": PIRATE, "a conversation": ALICE}


@pytest.fixture(params=["scripted", "small"])
async def speaker(
    request: pytest.FixtureRequest,
    product: Product,
    api: aiohttp.ClientSession,
    upstream: Upstream,
    model: ProviderSettings,
) -> AsyncIterator[str]:
    """The name of a model: a scripted one that says hello, or the small one."""
    if request.param == "scripted":
        upstream.always(says("Hello", " there"))
        yield "scripted"
        return
    name = f"real/{model.models[0]}"
    async with product.provided({"JAN_PROVIDER_URL": model.url, "JAN_PROVIDER_NAME": "real"}):
        await until(lambda: is_offered(api, name))
        yield name


async def whole(api: aiohttp.ClientSession, body: Json) -> ResponseResource:
    timeout = aiohttp.ClientTimeout(total=PATIENCE)
    async with api.post(PATH, json=body, timeout=timeout) as answer:
        told = await answer.json()
        assert answer.status == 200, told
        return ResponseResource.model_validate(told)


async def streamed(api: aiohttp.ClientSession, body: Json) -> list[StreamEvent]:
    """The events, each as its schema has it; the last one ends the response."""
    timeout = aiohttp.ClientTimeout(total=PATIENCE)
    async with api.post(PATH, json=body | {"stream": True}, timeout=timeout) as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        lines = [line.decode().rstrip("\n") async for line in answer.content]
    names = [line.removeprefix("event: ") for line in lines if line.startswith("event: ")]
    told = [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]
    events = [EVENT.validate_json(one) for one in told if one != "[DONE]"]
    assert [event.type for event in events] == names
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert [event.type for event in events if event.type in TERMINAL] == [events[-1].type]
    return events


def final(events: Sequence[StreamEvent]) -> ResponseResource:
    last = events[-1]
    assert isinstance(last, Snapshot)
    return last.response


def messages(upstream: Upstream) -> list[Json]:
    found: list[Json] = upstream.chats[-1].json["messages"]
    return found


@pytest.mark.parametrize("asked", PLAIN)
async def test_text(api: aiohttp.ClientSession, upstream: Upstream, speaker: str, asked: str) -> None:
    """Basic, system prompt, multi-turn."""
    response = await whole(api, {"model": speaker, "input": PLAIN[asked], "temperature": 0})

    assert response.status == "completed"
    (message,) = response.output
    assert isinstance(message, Message)
    assert message.role == "assistant"
    if speaker == "scripted":
        assert messages(upstream) == [
            {"role": one["role"], "content": one["content"]} for one in PLAIN[asked]
        ]


async def test_streaming(api: aiohttp.ClientSession, speaker: str) -> None:
    events = await streamed(api, {"model": speaker, "input": COUNTING, "temperature": 0})

    response = final(events)
    assert response.status == "completed"
    (message,) = response.output
    assert isinstance(message, Message)
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert len(deltas) > 1
    assert [part.text for part in message.content if part.type == "output_text"] == ["".join(deltas)]


async def test_tool_calling(api: aiohttp.ClientSession, upstream: Upstream) -> None:
    upstream.next(calls(("get_weather", {"location": "San Francisco"})))

    response = await whole(api, {"model": "scripted", "input": WEATHER, "tools": [GET_WEATHER]})

    (call,) = response.output
    assert isinstance(call, FunctionCall)
    assert (call.name, json.loads(call.arguments)) == ("get_weather", {"location": "San Francisco"})
    assert [tool.name for tool in response.tools] == ["get_weather"]
    assert upstream.chats[-1].json["tools"][0]["function"]["name"] == "get_weather"


async def test_tool_calling_streamed(api: aiohttp.ClientSession, upstream: Upstream) -> None:
    upstream.next(calls(("get_weather", {"location": "San Francisco"})))

    events = await streamed(api, {"model": "scripted", "input": WEATHER, "tools": [GET_WEATHER]})

    kinds = [event.type for event in events]
    assert kinds[2:-1] == [
        "response.output_item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.output_item.done",
    ]
    items = [event.item for event in events if isinstance(event, ItemEvent)]
    assert [type(item) for item in items] == [FunctionCall, FunctionCall]
    assert isinstance(final(events).output[0], FunctionCall)


async def test_image_input(api: aiohttp.ClientSession, upstream: Upstream) -> None:
    upstream.next(says("A", " picture"))
    image = data_url(picture())
    content = [{"type": "input_text", "text": "What is it?"}, {"type": "input_image", "image_url": image}]

    response = await whole(api, {"model": "scripted", "input": [said("user", content)]})

    assert response.status == "completed"
    assert isinstance(response.output[0], Message)
    parts = messages(upstream)[-1]["content"]
    assert parts == [
        {"type": "text", "text": "What is it?"},
        {"type": "image_url", "image_url": {"url": image}},
    ]


BROKEN: list[tuple[str, Any]] = [
    ("completed_at", "now"),
    ("temperature", None),
    ("output", [{"type": "message", "id": "m", "role": "assistant", "content": []}]),
    ("tools", [{"type": "function", "name": "f"}]),
    ("usage", {"input_tokens": 1}),
    ("truncation", "sometimes"),
]


@pytest.mark.parametrize(("field", "value"), BROKEN)
async def test_what_does_not_fit_is_noticed(
    api: aiohttp.ClientSession, upstream: Upstream, field: str, value: object
) -> None:
    upstream.next(says("Yes"))
    async with api.post(PATH, json={"model": "scripted", "input": GREETING}) as answer:
        good = await answer.json()

    for bad in (good | {field: value}, {name: one for name, one in good.items() if name != field}):
        with pytest.raises(ValidationError):
            ResponseResource.model_validate(bad)
