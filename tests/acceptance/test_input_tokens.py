"""Input of responses, counted before one is made: as many tokens as the response then uses."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from openai import AsyncOpenAI, BadRequestError, NotFoundError

from infra.settings import ProviderSettings
from tests.acceptance.test_responses import WEATHER
from tests.acceptance.test_trimming import is_offered
from tests.acceptance.waiting import until
from tests.product import Product
from tests.upstream.server import Upstream
from tests.upstream.turns import says

pytestmark = [pytest.mark.stack, pytest.mark.usefixtures("response_worker"), pytest.mark.timeout(300)]

Json = dict[str, Any]  # OpenAI's wire
MODEL = "scripted"
FOREIGN = "resp_01KB3M5Q8Z7V2T4X6Y8W0R1S2T"


@pytest.fixture
async def small(product: Product, api: aiohttp.ClientSession, model: ProviderSettings) -> AsyncIterator[str]:
    """The name of the small model, whose provider counts its tokens."""
    real = {
        "JAN_PROVIDER_URL": model.url,
        "JAN_PROVIDER_NAME": "counting",
        "JAN_PROVIDER_TOKENIZER": "llama.cpp",
    }
    name = f"counting/{model.models[0]}"
    async with product.provided(real):
        await until(lambda: is_offered(api, name))
        yield name


async def test_the_count_is_what_the_response_uses(sdk: AsyncOpenAI, small: str) -> None:
    first = await sdk.responses.create(model=small, input="Say one word.", max_output_tokens=8, temperature=0)
    conversation = await sdk.conversations.create(
        items=[{"type": "message", "role": "user", "content": "My name is Jan, and I like long walks."}]
    )
    asked: list[Json] = [
        {"input": "Hello there"},
        {"input": [{"role": "user", "content": "Hello"}], "instructions": "Be kind, and be short."},
        {"input": "And now?", "previous_response_id": first.id},
        {"input": "What is my name?", "conversation": conversation.id},
        {"input": "The weather in Oslo?", "tools": [WEATHER], "instructions": "Be kind."},
    ]

    counted = [(await sdk.responses.input_tokens.count(model=small, **one)).input_tokens for one in asked]

    used = []
    for one in asked:
        made = await sdk.responses.create(model=small, max_output_tokens=1, temperature=0, **one)
        assert made.usage is not None
        used.append(made.usage.input_tokens)
    assert counted == used
    assert len(set(used)) == len(used)


async def test_nobody_is_asked_to_speak_and_nothing_is_kept(
    sdk: AsyncOpenAI, api: aiohttp.ClientSession, upstream: Upstream
) -> None:
    counted = await sdk.responses.input_tokens.count(model=MODEL, input="abcd" * 100)

    assert (counted.object, counted.input_tokens) == ("response.input_tokens", 100 + 8)
    assert upstream.chats == []
    async with api.get("/v1/responses") as listed:
        assert (await listed.json())["data"] == []


async def test_what_is_too_large_for_a_record_is_counted(sdk: AsyncOpenAI) -> None:
    counted = await sdk.responses.input_tokens.count(model=MODEL, input="abcd" * 500_000)

    assert counted.input_tokens == 500_000 + 8


@pytest.mark.usefixtures("models")
async def test_it_is_refused_as_the_response_would_be(sdk: AsyncOpenAI, upstream: Upstream) -> None:
    upstream.next(says("Yes"))
    stored = await sdk.responses.create(model=MODEL, input="Hi")

    with pytest.raises(NotFoundError) as unknown:
        await sdk.responses.input_tokens.count(model="nobody-has-it", input="Hi")
    with pytest.raises(NotFoundError) as foreign:
        await sdk.responses.input_tokens.count(model=MODEL, input="Hi", previous_response_id=FOREIGN)
    with pytest.raises(BadRequestError) as both:
        await sdk.responses.input_tokens.count(
            model=MODEL, input="Hi", previous_response_id=stored.id, conversation="conv_1"
        )
    with pytest.raises(BadRequestError) as nothing:
        await sdk.responses.input_tokens.count(model=MODEL)

    assert [one.value.param for one in (unknown, foreign, both, nothing)] == [
        *("model", "previous_response_id", "previous_response_id", "input"),
    ]
