"""A provider with Anthropic's API behind ours: the official SDK of OpenAI doesn't notice."""

import json
from collections.abc import AsyncIterator

import pytest
from openai import APIStatusError, AsyncOpenAI, BadRequestError
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam

from contracts.ids import new_ulid
from tests.acceptance.people import admin_client
from tests.acceptance.waiting import until
from tests.product import Product
from tests.upstream import anthropic
from tests.upstream.script import Script
from tests.upstream.server import Upstream, open_upstream

pytestmark = pytest.mark.stack

HI: list[ChatCompletionMessageParam] = [{"role": "user", "content": "hi"}]
LOOK_UP: ChatCompletionToolParam = {
    "type": "function",
    "function": {"name": "look_up", "parameters": {"type": "object", "properties": {}}},
}
PIXEL = "data:image/png;base64,iVBORw0KGgo="
SPOKEN = "claude0 claude1 claude2 "
KEY = "sk-ant-6d0f4c1b9a7e2d35"
PROVIDERS = "/v1/admin/providers"


@pytest.fixture
async def claude(product: Product, sdk: AsyncOpenAI) -> AsyncIterator[Upstream]:
    """The provider, added by an admin. Its model has a name of its own in each test."""
    async with admin_client(product) as boss, open_upstream() as upstream:
        upstream.listed = [f"claude-opus-4-6-{new_ulid().lower()}"]
        upstream.always(Script(tokens=3, word="claude"))
        ask = {
            "name": f"claude-{new_ulid().lower()}",
            "vendor": "anthropic",
            "protocol": "anthropic",
            "endpoints": [{"url": upstream.url}],
            "api_key": KEY,
        }
        async with boss.post(PROVIDERS, json=ask) as answer:
            assert answer.status == 200, await answer.text()
            provider = (await answer.json())["id"]
        try:
            await until(lambda: answers(sdk, model_of(upstream)))
            upstream.requests.clear()
            yield upstream
        finally:
            async with boss.delete(f"{PROVIDERS}/{provider}") as answer:
                assert answer.status == 200


async def answers(sdk: AsyncOpenAI, model: str) -> bool:
    """Whether edge and worker know of it."""
    try:
        await sdk.chat.completions.create(model=model, messages=HI)
    except APIStatusError:
        return False
    return True


def model_of(claude: Upstream) -> str:
    return claude.listed[0]


async def test_a_chat_is_answered(sdk: AsyncOpenAI, claude: Upstream) -> None:
    answer = await sdk.chat.completions.create(model=model_of(claude), messages=HI, max_tokens=50)

    assert answer.choices[0].message.content == SPOKEN
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (16, 3)
    (asked,) = claude.chats
    assert (asked.path, asked.headers["x-api-key"]) == ("/v1/messages", KEY)
    assert (asked.json["model"], asked.json["max_tokens"]) == (claude.listed[0], 50)


async def test_a_chat_is_streamed(sdk: AsyncOpenAI, claude: Upstream) -> None:
    claude.always(Script(tokens=3, word="claude", reasoning=2))

    stream = await sdk.chat.completions.create(
        model=model_of(claude), messages=HI, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]

    deltas = [choice.delta for chunk in chunks for choice in chunk.choices]
    assert "".join(delta.content or "" for delta in deltas) == SPOKEN
    assert "".join(getattr(delta, "reasoning_content", None) or "" for delta in deltas) == "r0 r1 "
    assert chunks[-1].usage
    assert (chunks[-1].usage.prompt_tokens, chunks[-1].usage.completion_tokens) == (16, 5)


async def test_a_tool_is_called_and_its_result_told(sdk: AsyncOpenAI, claude: Upstream) -> None:
    claude.next(Script(tool=True, tokens=4))

    first = await sdk.chat.completions.create(model=model_of(claude), messages=HI, tools=[LOOK_UP])
    message = first.choices[0].message
    assert message.tool_calls
    call = message.tool_calls[0]
    assert call.type == "function"
    name, arguments = call.function.name, call.function.arguments
    made: ChatCompletionMessageParam = {
        "role": "assistant",
        "tool_calls": [
            {"id": call.id, "type": "function", "function": {"name": name, "arguments": arguments}}
        ],
    }
    result: ChatCompletionMessageParam = {"role": "tool", "tool_call_id": call.id, "content": "42"}
    second = await sdk.chat.completions.create(
        model=model_of(claude), messages=[*HI, made, result], tools=[LOOK_UP]
    )

    assert first.choices[0].finish_reason == "tool_calls"
    assert json.loads(call.function.arguments) == {"word": "xxxx"}
    assert second.choices[0].message.content == SPOKEN
    asked = claude.chats[-1].json["messages"]
    assert [block["type"] for turn in asked for block in turn["content"]] == [
        "text",
        "tool_use",
        "tool_result",
    ]


async def test_a_streamed_tool_call_is_put_together(sdk: AsyncOpenAI, claude: Upstream) -> None:
    claude.always(Script(tool=True, tokens=6))

    stream = await sdk.chat.completions.create(
        model=model_of(claude), messages=HI, tools=[LOOK_UP], stream=True
    )
    calls = [
        call async for chunk in stream for choice in chunk.choices for call in choice.delta.tool_calls or ()
    ]

    assert {call.index for call in calls} == {0}
    assert [call.id for call in calls if call.id] == ["toolu_1"]
    arguments = "".join((call.function and call.function.arguments) or "" for call in calls)
    assert json.loads(arguments) == {"word": "xxxxxx"}


async def test_an_image_arrives_with_its_bytes(sdk: AsyncOpenAI, claude: Upstream) -> None:
    question: ChatCompletionMessageParam = {
        "role": "user",
        "content": [
            {"type": "text", "text": "What is it?"},
            {"type": "image_url", "image_url": {"url": PIXEL}},
        ],
    }

    await sdk.chat.completions.create(model=model_of(claude), messages=[question])

    (turn,) = claude.chats[-1].json["messages"]
    assert turn["content"][1] == {
        "type": "image",
        "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="},
    }


@pytest.mark.parametrize("stream", [False, True])
async def test_what_cannot_be_said_to_it_is_refused_by_name(
    sdk: AsyncOpenAI,
    claude: Upstream,
    stream: bool,  # noqa: FBT001  a column
) -> None:
    with pytest.raises(BadRequestError) as caught:
        await sdk.chat.completions.create(model=model_of(claude), messages=HI, n=2, stream=stream)

    assert (caught.value.code, caught.value.param) == ("unsupported_parameter", "n")
    assert claude.chats == []


async def test_an_overload_passes(sdk: AsyncOpenAI, claude: Upstream) -> None:
    claude.next(Script(status=529, body=anthropic.error("overloaded_error", "Overloaded")))

    answer = await sdk.chat.completions.create(model=model_of(claude), messages=HI)

    assert answer.choices[0].message.content == SPOKEN
    assert len(claude.chats) == 2
