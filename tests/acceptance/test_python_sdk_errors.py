"""Failures as the Python SDK's own exceptions."""

from typing import Any

import openai
import pytest
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletionMessageParam

from tests.acceptance.asking import ERROR_KEYS
from tests.acceptance.waiting import LIMIT
from tests.product import Product
from tests.upstream.script import Script
from tests.upstream.server import Upstream

HI: list[ChatCompletionMessageParam] = [{"role": "user", "content": "hi"}]
USER = {"role": "user", "content": "hi"}
LIMITED = b'{"error":{"message":"slow down","type":"rate_limit_error","param":null,"code":"slow"}}'
BROKEN = b'{"error":{"message":"the model fell over","type":"server_error","param":null,"code":null}}'
TOO_LONG = (
    b'{"error":{"message":"This model holds 8 tokens","type":"invalid_request_error",'
    b'"param":"messages","code":"context_length_exceeded"}}'
)
BAD_BODIES: list[tuple[dict[str, Any], str]] = [
    ({"messages": None}, "messages"),
    ({"messages": []}, "messages"),
    ({"messages": "hi"}, "messages"),
    ({"messages": {"role": "user"}}, "messages"),
    ({"messages": [USER] * 2049}, "messages"),
    ({"messages": [USER, {"role": 7}]}, "messages[1].role"),
    ({"messages": [USER, {"content": "hi"}]}, "messages[1].role"),
    ({"messages": [{"role": "", "content": "hi"}]}, "messages[0].role"),
    ({"messages": [USER, "hi"]}, "messages[1]"),
    ({"messages": [{"role": "user", "content": 7}]}, "messages[0].content"),
    ({"messages": [{"role": "user", "content": ["hi"]}]}, "messages[0].content[0]"),
    ({"messages": [{"role": "assistant", "tool_calls": {}}]}, "messages[0].tool_calls"),
    ({"model": 7}, "model"),
    ({"model": ""}, "model"),
    ({"model": "m" * 257}, "model"),
    ({"stream": "yes"}, "stream"),
    ({"stream": 1}, "stream"),
    ({"stream_options": "usage"}, "stream_options"),
    ({"stream_options": {"include_usage": "yes"}}, "stream_options.include_usage"),
    ({"temperature": "hot"}, "temperature"),
    ({"max_tokens": 1.5}, "max_tokens"),
    ({"n": "2"}, "n"),
    ({"stop": 7}, "stop"),
    ({"stop": ["a", 7]}, "stop[1]"),
    ({"tools": {}}, "tools"),
    ({"tools": [7]}, "tools[0]"),
    ({"tool_choice": 7}, "tool_choice"),
    ({"response_format": "json"}, "response_format"),
    ({"logit_bias": {"50256": "no"}}, "logit_bias.50256"),
    ({"metadata": {"a": 1}}, "metadata.a"),
    ({"service_tier": "express"}, "service_tier"),
    ({"conversation": "conv_1"}, "conversation"),
]


@pytest.mark.parametrize(
    ("key", "code"),
    [("", "invalid_token"), ("not-a-token", "invalid_token"), ("sk_live_" + "0" * 48, "invalid_api_key")],
)
async def test_a_bad_credential_is_an_authentication_error(product: Product, key: str, code: str) -> None:
    async with AsyncOpenAI(base_url=f"{product.url}/v1", api_key=key or "-", max_retries=0) as client:
        with pytest.raises(openai.AuthenticationError) as raised:
            await client.chat.completions.create(model="scripted", messages=HI)

    assert raised.value.type == "auth_error"
    assert raised.value.code == code
    assert raised.value.response.headers["www-authenticate"].startswith("Bearer")


async def test_no_token_is_an_authentication_error(sdk: AsyncOpenAI) -> None:
    with pytest.raises(openai.AuthenticationError) as raised:
        await sdk.chat.completions.create(
            model="scripted", messages=HI, extra_headers={"Authorization": openai.Omit()}
        )

    assert raised.value.code == "missing_credentials"


async def test_an_unknown_path_is_a_not_found_error(sdk: AsyncOpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as raised:
        await sdk.images.generate(model="scripted", prompt="a cat")

    assert raised.value.type == "not_found_error"
    assert raised.value.request_id


async def test_an_unknown_model_is_a_not_found_error(sdk: AsyncOpenAI, models: list[str]) -> None:
    with pytest.raises(openai.NotFoundError) as raised:
        await sdk.chat.completions.create(model="no-such-model", messages=HI)

    assert raised.value.code == "model_not_found"
    assert raised.value.param == "model"


@pytest.mark.parametrize(("fields", "param"), BAD_BODIES, ids=[param for _, param in BAD_BODIES])
async def test_a_bad_field_is_a_bad_request_that_names_it(
    sdk: AsyncOpenAI, fields: dict[str, Any], param: str
) -> None:
    with pytest.raises(openai.BadRequestError) as raised:
        await sdk.post(
            "/chat/completions", body={"model": "scripted", "messages": [USER], **fields}, cast_to=object
        )

    assert raised.value.type == "invalid_request_error"
    assert raised.value.param == param
    assert param in raised.value.message
    assert isinstance(raised.value.body, dict)
    assert set(raised.value.body) == ERROR_KEYS


@pytest.mark.parametrize("field", ["model", "messages"])
async def test_a_missing_field_is_named(sdk: AsyncOpenAI, field: str) -> None:
    body = {"model": "scripted", "messages": [USER]}
    del body[field]

    with pytest.raises(openai.BadRequestError) as raised:
        await sdk.post("/chat/completions", body=body, cast_to=object)

    assert raised.value.param == field
    assert raised.value.code == "missing_required_parameter"


@pytest.mark.parametrize("stream", [False, True])
async def test_the_providers_limit_is_a_rate_limit_error(
    sdk: AsyncOpenAI, upstream: Upstream, *, stream: bool
) -> None:
    upstream.always(Script(status=429, body=LIMITED, headers=(("Retry-After", "7"),)))

    with pytest.raises(openai.RateLimitError) as raised:
        await sdk.chat.completions.create(model="scripted", messages=HI, stream=stream)

    assert raised.value.response.headers["retry-after"] == "7"
    assert raised.value.type == "rate_limit_error"
    assert "slow down" in raised.value.message


@pytest.mark.parametrize("stream", [False, True])
async def test_the_providers_failure_is_an_internal_server_error(
    sdk: AsyncOpenAI, upstream: Upstream, *, stream: bool
) -> None:
    upstream.always(Script(status=500, body=BROKEN))

    with pytest.raises(openai.InternalServerError) as raised:
        await sdk.chat.completions.create(model="scripted", messages=HI, stream=stream)

    assert raised.value.status_code == 502
    assert "the model fell over" in raised.value.message


@pytest.mark.parametrize("stream", [False, True])
async def test_the_providers_complaint_is_a_bad_request(
    sdk: AsyncOpenAI, upstream: Upstream, *, stream: bool
) -> None:
    upstream.always(Script(status=400, body=TOO_LONG))

    with pytest.raises(openai.BadRequestError) as raised:
        await sdk.chat.completions.create(model="scripted", messages=HI, stream=stream)

    assert raised.value.code == "context_length_exceeded"
    assert raised.value.param == "messages"


async def test_a_failure_after_a_token_is_an_api_error(sdk: AsyncOpenAI, upstream: Upstream) -> None:
    upstream.always(Script(tokens=8, fault="error", after=3))

    stream = await sdk.chat.completions.create(model="scripted", messages=HI, stream=True)
    told = [(await anext(stream)).choices[0].delta.content for _ in range(3)]
    with pytest.raises(openai.APIError) as raised:
        await anext(stream)

    assert told == ["", "t0 ", "t1 "]
    assert raised.value.code == "fell_over"
    assert "the model fell over" in raised.value.message


async def test_the_sdks_own_retry_gets_through_a_busy_provider(sdk: AsyncOpenAI, upstream: Upstream) -> None:
    busy = Script(status=429, body=LIMITED, headers=(("Retry-After", "0.1"),))
    upstream.next(busy, busy, busy, Script(status=503))  # as often as the worker tries, and once more
    upstream.always(Script(tokens=2))

    patient = sdk.with_options(max_retries=2, timeout=LIMIT)
    completion = await patient.chat.completions.create(model="scripted", messages=HI)

    assert completion.choices[0].message.content == "t0 t1 "
    assert len(upstream.chats) == 5
