"""Conversations that are longer than a model's context, on the running product."""

from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest
from sqlalchemy import text

from infra.database import open_database
from infra.notices import open_notices
from infra.registry.reading import tell_changed
from infra.relay.redis import open_redis
from infra.settings import DatabaseSettings, ProviderSettings, RedisSettings
from tests.acceptance.asking import CHAT
from tests.acceptance.test_memory import begun, chat, user, whole
from tests.acceptance.waiting import until
from tests.product import Product
from tests.upstream.script import Script
from tests.upstream.server import Upstream

LONG = "one two three four five six seven eight nine ten " * 12
"""About 120 tokens."""
CONTEXT = 600
PATIENCE = 150.0
"""Seconds for a thousand tokens of a prompt, on a busy machine."""
Lengthen = Callable[[int | None], Awaitable[None]]


@pytest.fixture
async def lengthen(database: DatabaseSettings, valkey: RedisSettings) -> AsyncIterator[Lengthen]:
    """Says how long the context of the scripted model is; as it was, afterwards."""

    async def to(length: int | None) -> None:
        async with open_database(database) as opened, opened.engine.begin() as connection:
            await connection.execute(
                text("UPDATE provider_models SET context_length = :length WHERE original_id = 'scripted'"),
                {"length": length},
            )
        async with open_redis(valkey) as redis, open_notices(redis) as notices:
            await tell_changed(notices)

    yield to
    await to(None)


async def test_whole_turns_are_left_out_the_oldest_first(
    api: aiohttp.ClientSession, upstream: Upstream, lengthen: Lengthen
) -> None:
    upstream.always(Script(tokens=2))
    one = await begun(api, f"0 {LONG}")
    for number in range(1, 8):
        await whole(api, chat(one, user(f"{number} {LONG}")))

    async def is_trimmed() -> bool:
        await lengthen(CONTEXT)  # the provider's list, which tells no length, may have been read meanwhile
        await whole(api, chat(one, user("now"), store=False, max_tokens=50))
        return len(upstream.chats[-1].json["messages"]) < 17

    await until(is_trimmed)

    messages = upstream.chats[-1].json["messages"]
    assert messages[-1] == user("now")
    assert [message["role"] for message in messages[:-1]] == ["user", "assistant"] * (len(messages) // 2)
    first = int(messages[0]["content"].split()[0])
    assert 3 <= first <= 6
    assert [message["content"].split()[0] for message in messages[:-1:2]] == list(map(str, range(first, 8)))


@pytest.mark.timeout(240)
async def test_the_small_model_is_told_what_fits_by_its_own_count(
    product: Product, api: aiohttp.ClientSession, upstream: Upstream, model: ProviderSettings
) -> None:
    name = f"counting/{model.models[0]}"
    real = {
        "JAN_PROVIDER_URL": model.url,
        "JAN_PROVIDER_NAME": "counting",
        "JAN_PROVIDER_TOKENIZER": "llama.cpp",
    }
    upstream.always(Script(tokens=2))
    one = await begun(api, f"0 {LONG * 4}")
    for number in range(1, 5):
        await whole(api, chat(one, user(f"{number} {LONG * 4}")))
    await product.provision(real)
    try:
        await until(lambda: is_offered(api, name))
        asked = chat(one, user("now"), model=name, max_tokens=4)
        async with api.post(CHAT, json=asked, timeout=aiohttp.ClientTimeout(total=PATIENCE)) as answer:
            told = await answer.json()
    finally:
        await product.provision()

    assert answer.status == 200, told
    assert 1_000 < told["usage"]["prompt_tokens"] < 2_048 - 4


async def is_offered(api: aiohttp.ClientSession, name: str) -> bool:
    """Whether the model can be asked."""
    body = {"model": name, "messages": [user("hi")], "max_tokens": 1}
    async with api.post(CHAT, json=body) as answer:
        return answer.status == 200
