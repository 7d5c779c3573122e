"""POST /v1/completions, by the official SDK and by hand."""

import aiohttp
import pytest
from openai import AsyncOpenAI

from tests.acceptance.asking import error_in
from tests.product import Product
from tests.upstream import wire
from tests.upstream.script import Script
from tests.upstream.server import Upstream

PATH = "/v1/completions"
SCRIPT = Script(tokens=5, usage="always")


async def test_a_whole_text_is_answered_in_the_old_shape(sdk: AsyncOpenAI, upstream: Upstream) -> None:
    upstream.always(SCRIPT)

    answer = await sdk.completions.create(model="scripted", prompt="Once", max_tokens=5, best_of=1)

    assert answer.object == "text_completion"
    assert answer.id.startswith("cmpl-")
    assert answer.choices[0].text == wire.text(SCRIPT)
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 5
    assert upstream.chats[0].json == {"model": "scripted", "prompt": "Once", "max_tokens": 5, "best_of": 1}


async def test_a_stream_brings_the_text_in_pieces_and_ends(sdk: AsyncOpenAI, upstream: Upstream) -> None:
    upstream.always(SCRIPT)

    stream = await sdk.completions.create(model="scripted", prompt="Once", stream=True)
    chunks = [chunk async for chunk in stream]

    assert "".join(choice.text for chunk in chunks for choice in chunk.choices) == wire.text(SCRIPT)
    assert [chunk.model_extra["x_seq"] for chunk in chunks if chunk.model_extra] == list(range(len(chunks)))
    assert {chunk.id for chunk in chunks} == {chunks[0].id}
    assert chunks[-1].choices[0].finish_reason == "stop"


async def test_several_prompts_are_whole_when_each_has_its_end(sdk: AsyncOpenAI, upstream: Upstream) -> None:
    upstream.always(Script(tokens=2, choices=2, done=False))

    stream = await sdk.completions.create(model="scripted", prompt=["a", "b"], stream=True)
    chunks = [chunk async for chunk in stream]

    ends = {choice.index: choice.finish_reason for chunk in chunks for choice in chunk.choices}
    assert ends == {0: "stop", 1: "stop"}


async def test_a_cut_stream_ends_with_an_error(api: aiohttp.ClientSession, upstream: Upstream) -> None:
    upstream.always(Script(tokens=8, fault="end", after=4))

    async with api.post(PATH, json={"model": "scripted", "prompt": "a", "stream": True}) as answer:
        text = await answer.text()

    assert "provider_stream_cut" in text.splitlines()[-2]
    assert "[DONE]" not in text


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({}, "prompt"),
        ({"prompt": []}, "prompt"),
        ({"prompt": {"a": 1}}, "prompt"),
        ({"prompt": "a", "n": "2"}, "n"),
    ],
)
async def test_what_is_no_request_is_refused_by_its_field(
    api: aiohttp.ClientSession, upstream: Upstream, wrong: dict[str, object], param: str
) -> None:
    async with api.post(PATH, json={"model": "scripted", **wrong}) as answer:
        error = error_in(await answer.json())

    assert answer.status == 400
    assert str(error["param"]).startswith(param)
    assert upstream.chats == []


async def test_other_methods_are_refused_with_what_is_allowed(api: aiohttp.ClientSession) -> None:
    for path, allowed in ((PATH, "POST"), ("/v1/embeddings", "POST"), ("/v1/chat/completions", "GET, POST")):
        async with api.delete(path) as answer:
            assert (answer.status, answer.headers["Allow"]) == (405, allowed)


async def test_the_surface_of_the_llm_serves_them(product: Product, upstream: Upstream) -> None:
    headers = {"Authorization": f"Bearer {await product.token()}"}
    async with (
        aiohttp.ClientSession(product.url, headers=headers) as session,
        session.post("/llm" + PATH, json={"model": "scripted", "prompt": "a"}) as answer,
    ):
        assert answer.status == 200
