"""Every field of a request reaches the provider as it was sent."""

import json
from typing import Any

import aiohttp
import pytest
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletionMessageParam

from tests.acceptance.asking import CHAT, HELLO, STREAM, Json
from tests.product import Product
from tests.upstream.script import Script
from tests.upstream.server import Upstream

HI: list[ChatCompletionMessageParam] = [{"role": "user", "content": "hi"}]
USAGE = {"include_usage": True}
"""What the worker asks for by itself in a stream, for the ledger."""
FIELDS: list[Json] = [
    {"temperature": 0},
    {"temperature": 0.0, "top_p": 1e-7, "presence_penalty": -2, "frequency_penalty": 0.1},
    {"seed": 0, "n": 1, "max_tokens": 0, "top_logprobs": 0},
    {"seed": 2**64 + 1},
    {"seed": -(2**63), "x_big": 123456789012345678901234567890},
    {"logprobs": False, "store": False, "parallel_tool_calls": False},
    {"temperature": None, "stop": None, "tools": None, "seed": None, "user": None, "x_null": None},
    {"stop": "\n\n"},
    {"stop": ["a", "b", ""]},
    {"stop": []},
    {"tools": [], "metadata": {}, "logit_bias": {"50256": -100}},
    {"tool_choice": {"type": "function", "function": {"name": "look_up"}}},
    {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"a": [1, 2.5]}}}},
    {"top_k": 40, "repetition_penalty": 1.05, "enable_thinking": False, "min_p": 0},
    {"x_unknown": {"deep": [[], {}, [{"": None}], True, 0, -0.5, "Ünï💥\u0000\u2028"]}},
    {"user": 'żółć 日本語 🧑‍🚀 \\ " / \t'},
    {"messages": [{"role": "tool", "content": "", "tool_call_id": "1", "name": None, "x": {"y": 0}}]},
    {"messages": [{"role": "a-role-of-tomorrow", "content": [{"type": "new", "new": {"a": None}}]}]},
    {"service_tier": "auto"},
]


@pytest.mark.parametrize("fields", FIELDS, ids=[",".join(fields) for fields in FIELDS])
async def test_a_field_arrives_as_it_was_sent(
    api: aiohttp.ClientSession, upstream: Upstream, fields: Json
) -> None:
    upstream.always(Script(tokens=1))
    body = {**HELLO, **fields}

    async with api.post(CHAT, json=body) as answer:
        assert answer.status == 200, await answer.text()

    assert (await upstream.asked()).json == body


@pytest.mark.parametrize("fields", FIELDS, ids=[",".join(fields) for fields in FIELDS])
async def test_a_field_of_a_stream_arrives_as_it_was_sent(
    api: aiohttp.ClientSession, upstream: Upstream, fields: Json
) -> None:
    upstream.always(Script(tokens=1))
    body = {**STREAM, **fields}

    async with api.post(CHAT, json=body) as answer:
        assert answer.status == 200, await answer.text()
        await answer.read()

    assert (await upstream.asked()).json == body | {"stream_options": USAGE}


@pytest.mark.parametrize("options", [{"include_usage": False}, {"include_usage": True, "x_other": 0}])
async def test_stream_options_are_the_clients_own(
    api: aiohttp.ClientSession, upstream: Upstream, options: Json
) -> None:
    async with api.post(CHAT, json={**STREAM, "stream_options": options}) as answer:
        await answer.read()

    assert (await upstream.asked()).json["stream_options"] == options


@pytest.mark.parametrize(
    "number",
    ["1.0", "0.30000000000000004", "1e-7", "-0.0", "12345678901234567890123", "100000000000000000000.5"],
)
async def test_a_number_keeps_its_value(api: aiohttp.ClientSession, upstream: Upstream, number: str) -> None:
    body = json.dumps(HELLO)[:-1] + f', "x_number": {number}}}'

    async with api.post(CHAT, data=body, headers={"content-type": "application/json"}) as answer:
        assert answer.status == 200, await answer.text()

    sent: Any = (await upstream.asked()).json["x_number"]
    assert sent == json.loads(number)
    assert type(sent) is type(json.loads(number))


async def test_an_escaped_text_keeps_its_meaning(api: aiohttp.ClientSession, upstream: Upstream) -> None:
    body = json.dumps(HELLO)[:-1] + r', "user": "\ud83d\ude00 \u00fc \u0000 \/"}'

    async with api.post(CHAT, data=body, headers={"content-type": "application/json"}) as answer:
        assert answer.status == 200, await answer.text()

    assert (await upstream.asked()).json["user"] == "\N{GRINNING FACE} ü \0 /"


async def test_the_sdks_extra_body_arrives(sdk: AsyncOpenAI, upstream: Upstream) -> None:
    extra = {"top_k": 0, "guided_choice": ["ja", "nein"], "chat_template_kwargs": {"x": None}}

    await sdk.chat.completions.create(
        model="scripted", messages=HI, temperature=0, stop=["\n"], seed=0, extra_body=extra
    )

    sent = (await upstream.asked()).json
    assert sent == {**HELLO, "temperature": 0, "stop": ["\n"], "seed": 0, **extra}


async def test_the_provider_gets_its_own_name_of_the_model(
    api: aiohttp.ClientSession, upstream: Upstream
) -> None:
    async with api.post(CHAT, json={**HELLO, "model": "local/vendor/scripted-large"}) as answer:
        assert answer.status == 200, await answer.text()

    assert (await upstream.asked()).json["model"] == "vendor/scripted-large"


async def test_no_credential_of_the_caller_reaches_the_provider(
    product: Product, api: aiohttp.ClientSession, upstream: Upstream, token: str
) -> None:
    headers = {"Cookie": "a=b", "X-User-Id": "root"}

    async with api.post(CHAT, json=HELLO, headers=headers) as answer:
        assert answer.status == 200

    request = await upstream.asked()
    assert token not in "\n".join(request.headers.values())
    assert request.headers["authorization"] == f"Bearer {product.extra['JAN_PROVIDER_KEY']}"
    assert not {"x-api-key", "cookie", "x-user-id"} & set(request.headers)
