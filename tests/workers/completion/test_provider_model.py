"""The provider client and the core on a real model server."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from contracts.errors import ApiError, ErrorType
from contracts.events import Ending
from contracts.jobs import Endpoint
from infra.settings import ProviderSettings
from workers.completion.core import Stream, upstream_body, wants_usage, whole_answer
from workers.completion.provider import HttpProvider, open_provider

pytestmark = pytest.mark.stack
LIMIT = 60.0
Json = dict[str, Any]  # OpenAI's wire, open by nature


@pytest.fixture
async def real(model: ProviderSettings) -> AsyncIterator[HttpProvider]:
    """A client of the small language model."""
    async with open_provider(model) as client:
        yield client


def asking(**more: object) -> Json:
    return {"messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 8, "temperature": 0} | more


def sent(body: Json, model: ProviderSettings) -> bytes:
    return upstream_body(body, model=model.models[0])


def deadline() -> float:
    return asyncio.get_running_loop().time() + LIMIT


async def streamed(provider: HttpProvider, body: Json, model: ProviderSettings) -> tuple[list[Json], Ending]:
    stream = Stream("chatcmpl-1", "default", wants_usage=wants_usage(body))
    async with provider.stream(Endpoint.CHAT, sent(body, model), deadline=deadline()) as batches:
        outs = [stream.feed(payload) async for batch in batches for payload in batch]
    return [json.loads(out) for out in outs if out is not None], stream.close()


async def test_a_stream_and_a_whole_answer_say_the_same(real: HttpProvider, model: ProviderSettings) -> None:
    chunks, outcome = await streamed(real, asking(stream=True), model)
    payload, whole = whole_answer(
        await real.complete(Endpoint.CHAT, sent(asking(), model), deadline=deadline()),
        "chatcmpl-1",
        "default",
    )

    text = "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])
    assert text
    assert json.loads(payload)["choices"][0]["message"]["content"] == text
    assert [chunk["x_seq"] for chunk in chunks] == list(range(len(chunks)))
    assert outcome.finish_reason == whole.finish_reason == "length"
    assert outcome.usage is not None
    assert whole.usage is not None
    assert outcome.usage.output_tokens == whole.usage.output_tokens == 8
    assert outcome.usage.input_tokens == whole.usage.input_tokens > 0
    assert not outcome.usage.estimated


async def test_requests_in_a_row_never_meet_a_closed_connection(
    real: HttpProvider, model: ProviderSettings
) -> None:
    """llama.cpp closes the connection after a stream, without having said so."""
    for _ in range(20):
        _, outcome = await streamed(real, asking(stream=True, max_tokens=1), model)
        assert outcome.finish_reason == "length"


async def test_usage_comes_to_a_client_who_asks(real: HttpProvider, model: ProviderSettings) -> None:
    body = asking(stream=True, stream_options={"include_usage": True})

    chunks, _ = await streamed(real, body, model)

    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["completion_tokens"] == 8


@pytest.mark.parametrize("stream", [False, True])
async def test_a_request_that_the_model_refuses_is_the_askers_fault(
    real: HttpProvider, model: ProviderSettings, *, stream: bool
) -> None:
    body = asking(messages=[{"role": "user", "content": "word " * 200_000}], stream=stream)

    asked = (
        streamed(real, body, model)
        if stream
        else real.complete(Endpoint.CHAT, sent(body, model), deadline=deadline())
    )

    with pytest.raises(ApiError) as caught:
        await asked

    assert caught.value.detail.type == ErrorType.INVALID_REQUEST
    assert caught.value.detail.status == 400
    assert "context" in caught.value.detail.message


async def test_its_models_are_listed(real: HttpProvider) -> None:
    models = await real.models()

    assert models
    assert all(model.object == "model" for model in models)


async def test_several_legacy_prompts_are_streamed_to_their_ends(
    real: HttpProvider, model: ProviderSettings
) -> None:
    body: Json = {"prompt": ["Once upon", "Two and"], "max_tokens": 3, "stream": True}
    folding = Stream("cmpl-1", "default", wants_usage=True, choices=2, endpoint=Endpoint.COMPLETIONS)

    async with real.stream(Endpoint.COMPLETIONS, sent(body, model), deadline=deadline()) as batches:
        async for batch in batches:
            for payload in batch:
                folding.feed(payload)

    assert folding.close().finish_reason == "length"


async def test_embeddings_of_a_model_that_speaks_are_the_requests_own_fault(
    real: HttpProvider, model: ProviderSettings
) -> None:
    with pytest.raises(ApiError) as raised:
        await real.complete(Endpoint.EMBEDDINGS, sent({"input": "a"}, model), deadline=deadline())

    assert (raised.value.detail.type, raised.value.detail.status) == (ErrorType.INVALID_REQUEST, 400)
