"""Asking a scripted provider with Anthropic's API, over real sockets."""

import json
from typing import Any

import pytest

from contracts.errors import ApiError
from contracts.events import Ending, Usage
from contracts.jobs import Endpoint
from infra.settings import ProviderSettings
from tests.upstream import wire
from tests.upstream.script import Script
from tests.upstream.server import Upstream
from tests.workers.completion.anthropic.asking import answered, asking, both_ways, heard
from tests.workers.completion.anthropic.conftest import KEY
from tests.workers.completion.hearing import TRACEPARENT, next_of, soon
from workers.completion.anthropic import AnthropicProvider
from workers.completion.provider import open_provider

USED = Usage(input_tokens=16, output_tokens=8, cached_tokens=3)
TOOLS = [{"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}]
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}


@both_ways
async def test_text_arrives_whole_with_its_usage(
    claude: AnthropicProvider,
    upstream: Upstream,
    ask: Any,  # a function of two keywords
) -> None:
    whole, ending = await ask(claude)

    assert whole["choices"][0]["message"]["content"] == wire.text(Script())
    assert (whole["created"], whole["model"]) == (1_741_570_283, "claude-opus-4-6")
    assert ending == Ending(model="claude-opus-4-6", finish_reason="stop", usage=USED)


@both_ways
async def test_a_tool_is_called(claude: AnthropicProvider, upstream: Upstream, ask: Any) -> None:  # as above
    upstream.always(Script(tool=True))

    whole, ending = await ask(claude, tools=TOOLS, tool_choice="required", parallel_tool_calls=False)

    (call,) = whole["choices"][0]["message"]["tool_calls"]
    assert (call["id"], call["function"]["name"]) == ("toolu_1", "look_up")
    assert json.loads(call["function"]["arguments"]) == {"word": "xxxxxxxx"}
    assert ending.finish_reason == "tool_calls"
    asked = (await upstream.asked()).json
    assert asked["tools"] == [{"name": "look_up", "input_schema": {"type": "object"}}]
    assert asked["tool_choice"] == {"type": "any", "disable_parallel_tool_use": True}


@both_ways
async def test_thoughts_arrive(claude: AnthropicProvider, upstream: Upstream, ask: Any) -> None:  # as above
    upstream.always(Script(reasoning=2))

    whole, _ = await ask(claude, reasoning_effort="high")

    assert whole["choices"][0]["message"]["reasoning_content"] == "r0 r1 "
    assert whole["choices"][0]["message"]["content"] == wire.text(Script())
    assert (await upstream.asked()).json["output_config"] == {"effort": "high"}


async def test_a_conversation_with_a_tool_and_an_image_is_one_that_anthropic_takes(
    claude: AnthropicProvider, upstream: Upstream
) -> None:
    calls = [
        {"id": f"call.{name}", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}
        for name in ("a", "b")
    ]
    messages = [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": [{"type": "text", "text": "What is it?"}, IMAGE]},
        {"role": "assistant", "content": "", "tool_calls": calls},
        {"role": "tool", "tool_call_id": "call.a", "content": "1"},
        {"role": "tool", "tool_call_id": "call.b", "content": [{"type": "text", "text": "2"}]},
        {"role": "user", "content": "And now?"},
    ]

    _, ending = await heard(claude, messages=messages, tools=TOOLS)

    assert ending.finish_reason == "stop"
    asked = (await upstream.asked()).json
    assert [turn["role"] for turn in asked["messages"]] == ["user", "assistant", "user"]


async def test_the_request_has_anthropics_path_and_headers(
    claude: AnthropicProvider, upstream: Upstream
) -> None:
    async with claude.stream(Endpoint.CHAT, asking(), deadline=soon(), traceparent=TRACEPARENT) as batches:
        await anext(batches)

    request = await upstream.asked()
    assert (request.method, request.path) == ("POST", "/v1/messages")
    assert request.headers["anthropic-version"] == "2023-06-01"
    assert request.headers["x-api-key"] == KEY
    assert request.headers["traceparent"] == TRACEPARENT
    assert "authorization" not in request.headers


@pytest.mark.parametrize(
    "script",
    [
        Script(slice=1),
        Script(slice=7, newline="\r\n"),
        Script(comments=True, slice=5),
        Script(bom=True, slice=1),
        Script(space=False),
        Script(multiline=True, slice=3),
        Script(framing="until_close"),
        Script(lingers=True),
        Script(tokens=300, reasoning=20),
    ],
    ids=str,
)
async def test_every_way_to_write_a_stream_is_read(
    claude: AnthropicProvider, upstream: Upstream, script: Script
) -> None:
    upstream.always(script)

    whole, ending = await heard(claude)

    assert whole["choices"][0]["message"]["content"] == wire.text(script)
    assert ending.usage
    assert ending.usage.output_tokens == script.tokens + script.reasoning


async def test_pieces_come_as_soon_as_they_are_there(claude: AnthropicProvider, upstream: Upstream) -> None:
    upstream.always(Script(hold=6))

    async with claude.stream(Endpoint.CHAT, asking(), deadline=soon()) as batches:
        assert await next_of(batches, 4) == 4
        (await upstream.asked()).release()
        await next_of(batches, 1)


async def test_a_connection_is_used_again(claude: AnthropicProvider, upstream: Upstream) -> None:
    for _ in range(3):
        await heard(claude)
        await answered(claude)

    connections = [request.connection for request in upstream.chats]
    assert len(set(connections)) < len(connections)


async def test_who_leaves_early_closes_the_connection(claude: AnthropicProvider, upstream: Upstream) -> None:
    upstream.always(Script(hold=5))

    async with claude.stream(Endpoint.CHAT, asking(), deadline=soon()) as batches:
        await anext(batches)

    await (await upstream.asked()).gone()


async def test_a_models_longest_answer_is_asked_for(settings: ProviderSettings, upstream: Upstream) -> None:
    async with open_provider(settings) as http:
        claude = AnthropicProvider(http, "anthropic", {"claude-opus-4-6": 32_000}.get)

        await answered(claude)

    assert (await upstream.asked()).json["max_tokens"] == 32_000


async def test_all_pages_of_the_list_of_models_are_read(
    claude: AnthropicProvider, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream.listed = ["claude-c", "claude-a", "claude-b"]
    monkeypatch.setattr("workers.completion.anthropic.client.MODELS", "models?limit=2")

    models = await claude.models()

    assert [(model.id, model.created, model.owned_by) for model in models] == [
        (name, 1_739_923_200, "anthropic") for name in ("claude-a", "claude-b", "claude-c")
    ]
    assert [request.path for request in upstream.requests] == [
        "/v1/models?limit=2",
        "/v1/models?limit=2&after_id=claude-b",
    ]


async def test_a_list_of_models_without_end_is_given_up(
    claude: AnthropicProvider, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream.listed = ["a", "b", "c", "d"]
    monkeypatch.setattr("workers.completion.anthropic.client.MODELS", "models?limit=1")
    monkeypatch.setattr("workers.completion.anthropic.client.MAX_PAGES", 3)

    with pytest.raises(ApiError) as caught:
        await claude.models()

    assert caught.value.detail.code == "provider_bad_answer"


async def test_who_has_no_list_of_models_has_those_named(upstream: Upstream) -> None:
    settings = ProviderSettings(url=f"{upstream.url}/nowhere", protocol="anthropic", auth="none")
    async with open_provider(settings) as http:
        named = AnthropicProvider(http, "anthropic", named=["claude-x"])

        assert [model.id for model in await named.models()] == ["claude-x"]
        with pytest.raises(ApiError):
            await AnthropicProvider(http, "anthropic").models()
