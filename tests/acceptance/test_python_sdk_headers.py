"""What the SDK shows of an answer's headers, whole and streamed."""

import pytest
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletionChunk, ChatCompletionMessageParam

from tests.upstream import wire
from tests.upstream.script import Script
from tests.upstream.server import Upstream

HI: list[ChatCompletionMessageParam] = [{"role": "user", "content": "hi"}]
OWN_ID = "order-66:try_1.a"


async def test_a_raw_response_has_the_common_headers(sdk: AsyncOpenAI, upstream: Upstream) -> None:
    upstream.always(Script(tokens=2))

    raw = await sdk.chat.completions.with_raw_response.create(
        model="scripted", messages=HI, extra_headers={"X-Request-Id": OWN_ID}
    )

    assert raw.request_id == OWN_ID
    assert raw.headers["x-auth-method"] == "jwt"
    assert int(raw.headers["openai-processing-ms"]) >= 0
    assert raw.parse().choices[0].message.content == "t0 t1 "


async def test_a_streamed_response_has_the_common_headers(sdk: AsyncOpenAI, upstream: Upstream) -> None:
    script = Script(tokens=3)
    upstream.always(script)

    async with sdk.chat.completions.with_streaming_response.create(
        model="scripted", messages=HI, stream=True, extra_headers={"X-Request-Id": OWN_ID}
    ) as response:
        stream = await response.parse()
        chunks: list[ChatCompletionChunk] = [chunk async for chunk in stream]

    assert response.headers["x-request-id"] == OWN_ID
    assert response.headers["x-auth-method"] == "jwt"
    assert int(response.headers["openai-processing-ms"]) >= 0
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["cache-control"] == "no-cache"
    assert response.headers["x-accel-buffering"] == "no"
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == wire.text(script)


async def test_the_lines_of_a_stream(sdk: AsyncOpenAI, upstream: Upstream) -> None:
    upstream.always(Script(tokens=1))

    async with sdk.chat.completions.with_streaming_response.create(
        model="scripted", messages=HI, stream=True
    ) as response:
        lines = [line async for line in response.iter_lines() if line]

    assert all(line.startswith("data: ") for line in lines)
    assert lines[-1] == "data: [DONE]"


async def test_an_answer_without_a_request_id_of_the_clients_gets_one(
    sdk: AsyncOpenAI, upstream: Upstream
) -> None:
    upstream.always(Script(tokens=1))

    completion = await sdk.chat.completions.create(model="scripted", messages=HI)

    assert (completion._request_id or "").startswith("req_")


@pytest.mark.parametrize("own_id", ["with space", "x" * 129, "semi;colon", "a/b"])
async def test_an_invalid_request_id_is_replaced(sdk: AsyncOpenAI, upstream: Upstream, own_id: str) -> None:
    upstream.always(Script(tokens=1))

    raw = await sdk.chat.completions.with_raw_response.create(
        model="scripted", messages=HI, extra_headers={"X-Request-Id": own_id}
    )

    assert raw.request_id != own_id
    assert (raw.request_id or "").startswith("req_")
