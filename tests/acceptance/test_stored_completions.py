"""Completions that were asked for with `store`, by the official SDK."""

import aiohttp
import pytest
from openai import AsyncOpenAI, NotFoundError
from openai.types.chat import ChatCompletionMessageParam

from contracts.ids import chat_id, new_ulid
from tests.acceptance.asking import CHAT, HELLO, error_in
from tests.upstream import wire
from tests.upstream.script import Script
from tests.upstream.server import Upstream

HI: list[ChatCompletionMessageParam] = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": [{"type": "text", "text": "hi"}, {"type": "text", "text": " there"}]},
]
SCRIPT = Script(tokens=3)


@pytest.fixture(autouse=True)
def _speaking(upstream: Upstream) -> None:
    upstream.always(SCRIPT)


async def stored(sdk: AsyncOpenAI, topic: str, *, model: str = "scripted") -> str:
    answer = await sdk.chat.completions.create(
        model=model, messages=HI, store=True, metadata={"topic": topic, "n": "1"}
    )
    return answer.id


async def test_a_stored_completion_is_read_listed_changed_and_deleted(sdk: AsyncOpenAI) -> None:
    topic = new_ulid()
    completion_id = await stored(sdk, topic)

    read = await sdk.chat.completions.retrieve(completion_id)
    assert read.choices[0].message.content == wire.text(SCRIPT)
    assert read.metadata == {"topic": topic, "n": "1"}
    assert [one.id async for one in sdk.chat.completions.list(metadata={"topic": topic})] == [completion_id]

    changed = await sdk.chat.completions.update(completion_id, metadata={"topic": "other"})
    assert changed.metadata == {"topic": "other"}
    assert [one.id async for one in sdk.chat.completions.list(metadata={"topic": topic})] == []

    gone = await sdk.chat.completions.delete(completion_id)
    assert (gone.id, gone.deleted, gone.object) == (completion_id, True, "chat.completion.deleted")
    with pytest.raises(NotFoundError):
        await sdk.chat.completions.update(completion_id, metadata={})
    assert completion_id not in [one.id async for one in sdk.chat.completions.list(limit=100)]


async def test_a_stream_is_stored_whole(sdk: AsyncOpenAI) -> None:
    stream = await sdk.chat.completions.create(model="scripted", messages=HI, store=True, stream=True)
    chunks = [chunk async for chunk in stream]

    read = await sdk.chat.completions.retrieve(chunks[0].id)

    assert (read.object, read.choices[0].finish_reason) == ("chat.completion", "stop")
    assert read.choices[0].message.content == wire.text(SCRIPT)
    assert read.usage is not None
    assert read.usage.completion_tokens == 3


async def test_its_messages_are_listed_in_pages(sdk: AsyncOpenAI) -> None:
    completion_id = await stored(sdk, "messages")

    first = await sdk.chat.completions.messages.list(completion_id, limit=1, order="asc")
    every = [
        message async for message in sdk.chat.completions.messages.list(completion_id, limit=1, order="asc")
    ]

    assert first.has_more
    assert [message.content for message in every] == ["Be brief.", "hi there"]
    assert every[1].content_parts is not None
    assert len(every[1].content_parts) == 2
    assert len({message.id for message in every}) == 2


async def test_what_was_not_to_be_stored_is_not_listed(sdk: AsyncOpenAI) -> None:
    answer = await sdk.chat.completions.create(model="scripted", messages=HI)
    refused = await sdk.chat.completions.create(model="scripted", messages=HI, store=False)

    listed = [one.id async for one in sdk.chat.completions.list(limit=100)]
    assert not {answer.id, refused.id} & set(listed)


async def test_a_list_is_of_a_model_where_one_is_named(sdk: AsyncOpenAI) -> None:
    topic = new_ulid()
    one, two = await stored(sdk, topic), await stored(sdk, topic, model="vendor/scripted-large")

    page = await sdk.chat.completions.list(model="scripted", metadata={"topic": topic})
    assert [found.id for found in page.data] == [one]
    page = await sdk.chat.completions.list(metadata={"topic": topic}, order="asc", limit=1)
    assert [found.id for found in page.data] == [one]
    assert [found.id async for found in page] == [one, two]


@pytest.mark.parametrize(
    "query",
    ["?limit=0", "?after=chatcmpl-nope", f"?after={chat_id('0' * 26)}", "?order=up", "?metadata[a]=%00"],
)
async def test_what_is_no_list_is_refused(api: aiohttp.ClientSession, query: str) -> None:
    async with api.get(CHAT + query) as answer:
        assert answer.status == 400, await answer.text()
        error_in(await answer.json())


@pytest.mark.parametrize(
    "body", [{}, {"metadata": {"a": 1}}, {"metadata": {"k" * 65: "v"}}, {"metadata": []}]
)
async def test_what_is_no_metadata_is_refused(api: aiohttp.ClientSession, body: dict[str, object]) -> None:
    async with api.post(CHAT, json={**HELLO, "store": True}) as answer:
        completion_id = (await answer.json())["id"]
    async with api.post(f"{CHAT}/{completion_id}", json=body) as answer:
        assert answer.status == 400
