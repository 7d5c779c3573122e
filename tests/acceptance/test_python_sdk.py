"""The official Python SDK, unmodified, with a guest token."""

import asyncio
import json
from collections.abc import Iterable
from typing import cast

from openai import AsyncOpenAI, OpenAI
from openai.types.chat import (
    ChatCompletion,
    ChatCompletionChunk,
    ChatCompletionMessageParam,
    ChatCompletionToolParam,
)

from contracts.ids import is_ulid, job_id_of
from tests.upstream import wire
from tests.upstream.script import Script
from tests.upstream.server import Upstream

HI: list[ChatCompletionMessageParam] = [{"role": "user", "content": "hi"}]
LOOK_UP: ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "look_up",
        "description": "Look a word up",
        "parameters": {
            "type": "object",
            "properties": {"word": {"type": "string"}},
            "required": ["word"],
            "additionalProperties": False,
        },
        "strict": True,
    },
}
LOGPROBS = {
    "content": [
        {
            "token": "Hé",
            "logprob": -0.25,
            "bytes": [72, 195, 169],
            "top_logprobs": [{"token": "Hé", "logprob": -0.25, "bytes": [72, 195, 169]}],
        }
    ],
    "refusal": None,
}


async def test_a_whole_completion(sdk: AsyncOpenAI, upstream: Upstream) -> None:
    script = Script(tokens=5)
    upstream.always(script)

    completion = await sdk.chat.completions.create(model="scripted", messages=HI)

    assert completion.choices[0].message.content == wire.text(script)
    assert completion.choices[0].finish_reason == "stop"
    assert completion.usage
    assert completion.usage.total_tokens == wire.PROMPT_TOKENS + 5
    assert completion.model == "scripted"
    assert completion.service_tier == "default"
    assert completion.id.startswith("chatcmpl-")
    assert is_ulid(job_id_of(completion.id) or "")


async def test_a_stream(sdk: AsyncOpenAI, upstream: Upstream) -> None:
    script = Script(tokens=20)
    upstream.always(script)

    stream = await sdk.chat.completions.create(model="scripted", messages=HI, stream=True)
    chunks = [chunk async for chunk in stream]

    assert _text(chunks) == wire.text(script)
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert len({chunk.id for chunk in chunks}) == 1
    assert is_ulid(job_id_of(chunks[0].id) or "")
    assert [(chunk.model_extra or {})["x_seq"] for chunk in chunks] == list(range(len(chunks)))


async def test_the_blocking_client_streams_and_completes(blocking_sdk: OpenAI, upstream: Upstream) -> None:
    script = Script(tokens=7)
    upstream.always(script)

    def ask() -> tuple[ChatCompletion, list[ChatCompletionChunk]]:
        whole = blocking_sdk.chat.completions.create(model="scripted", messages=HI)
        stream = blocking_sdk.chat.completions.create(model="scripted", messages=HI, stream=True)
        return whole, list(stream)

    whole, chunks = await asyncio.to_thread(ask)

    assert whole.choices[0].message.content == wire.text(script)
    assert _text(chunks) == wire.text(script)


async def test_the_sdks_own_stream_helper(sdk: AsyncOpenAI, upstream: Upstream) -> None:
    script = Script(tokens=4)
    upstream.always(script)

    async with sdk.chat.completions.stream(model="scripted", messages=HI) as stream:
        completion = await stream.get_final_completion()

    assert completion.choices[0].message.content == wire.text(script)


async def test_many_completions_at_once(sdk: AsyncOpenAI, upstream: Upstream) -> None:
    upstream.always(Script(tokens=3))

    async def ask() -> ChatCompletion:
        return await sdk.chat.completions.create(model="scripted", messages=HI)

    completions = await asyncio.gather(*(ask() for _ in range(40)))

    assert len({completion.id for completion in completions}) == 40


async def test_tools_reach_the_provider_and_calls_come_back_whole(
    sdk: AsyncOpenAI, upstream: Upstream
) -> None:
    upstream.always(Script(tokens=6, tool=True))

    completion = await sdk.chat.completions.create(
        model="scripted", messages=HI, tools=[LOOK_UP], tool_choice="auto", parallel_tool_calls=False
    )

    sent = (await upstream.asked()).json
    assert sent["tools"] == [LOOK_UP]
    assert sent["tool_choice"] == "auto"
    assert sent["parallel_tool_calls"] is False
    [call] = completion.choices[0].message.tool_calls or []
    assert call.type == "function"
    assert call.function.name == "look_up"
    assert json.loads(call.function.arguments) == {"word": "xxxxxx"}
    assert completion.choices[0].finish_reason == "tool_calls"


async def test_tool_calls_are_streamed(sdk: AsyncOpenAI, upstream: Upstream) -> None:
    upstream.always(Script(tokens=6, tool=True))

    stream = await sdk.chat.completions.create(model="scripted", messages=HI, tools=[LOOK_UP], stream=True)
    chunks = [chunk async for chunk in stream]

    calls = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or []]
    assert calls[0].id == "call_1"
    arguments = [call.function.arguments or "" for call in calls if call.function]
    assert len(arguments) == 6
    assert json.loads("".join(arguments)) == {"word": "xxxxxx"}
    assert chunks[-1].choices[0].finish_reason == "tool_calls"


async def test_a_tools_answer_goes_back_to_the_model(sdk: AsyncOpenAI, upstream: Upstream) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}
    messages = [
        {"role": "user", "content": "what is a jan?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "a name"},
    ]

    await sdk.chat.completions.create(
        model="scripted", messages=cast(Iterable[ChatCompletionMessageParam], messages)
    )

    assert (await upstream.asked()).json["messages"] == messages


async def test_several_choices(sdk: AsyncOpenAI, upstream: Upstream) -> None:
    script = Script(tokens=3, choices=3)
    upstream.always(script)

    whole = await sdk.chat.completions.create(model="scripted", messages=HI, n=3)
    stream = await sdk.chat.completions.create(model="scripted", messages=HI, n=3, stream=True)
    chunks = [chunk async for chunk in stream]

    wanted = [wire.text(script, choice) for choice in range(3)]
    assert [choice.message.content for choice in whole.choices] == wanted
    assert [_text(chunks, choice) for choice in range(3)] == wanted


async def test_logprobs_come_back(sdk: AsyncOpenAI, upstream: Upstream) -> None:
    choice = {"index": 0, "delta": {"content": "Hé"}, "logprobs": LOGPROBS, "finish_reason": "stop"}
    chunk = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    upstream.always(Script(payloads=(json.dumps(chunk).encode(), b"[DONE]")))

    stream = await sdk.chat.completions.create(
        model="scripted", messages=HI, logprobs=True, top_logprobs=1, stream=True
    )
    [given] = [chunk async for chunk in stream]

    sent = (await upstream.asked()).json
    assert (sent["logprobs"], sent["top_logprobs"]) == (True, 1)
    assert given.choices[0].logprobs
    assert given.choices[0].logprobs.model_dump() == LOGPROBS


async def test_usage_is_the_last_chunk_when_it_is_asked_for(sdk: AsyncOpenAI, upstream: Upstream) -> None:
    upstream.always(Script(tokens=4))

    stream = await sdk.chat.completions.create(
        model="scripted", messages=HI, stream=True, stream_options={"include_usage": True}
    )
    *others, last = [chunk async for chunk in stream]

    assert last.choices == []
    assert last.usage
    assert last.usage.completion_tokens == 4
    assert all(chunk.usage is None for chunk in others)


async def test_no_usage_comes_when_it_is_not_asked_for(sdk: AsyncOpenAI, upstream: Upstream) -> None:
    upstream.always(Script(tokens=4))

    stream = await sdk.chat.completions.create(model="scripted", messages=HI, stream=True)
    chunks = [chunk async for chunk in stream]

    assert all(chunk.usage is None and chunk.choices for chunk in chunks)


async def test_reasoning_comes_back(sdk: AsyncOpenAI, upstream: Upstream) -> None:
    upstream.always(Script(tokens=2, reasoning=3))

    stream = await sdk.chat.completions.create(model="scripted", messages=HI, stream=True)
    deltas = [chunk.choices[0].delta async for chunk in stream]

    assert "".join((delta.model_extra or {}).get("reasoning_content", "") for delta in deltas) == "r0 r1 r2 "


def _text(chunks: list[ChatCompletionChunk], index: int = 0) -> str:
    return "".join(
        choice.delta.content or "" for chunk in chunks for choice in chunk.choices if choice.index == index
    )
