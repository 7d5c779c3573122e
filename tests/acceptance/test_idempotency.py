"""The same request again, with its Idempotency-Key: by the official SDK, on two edges, after a loss."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
import pytest
from openai import AsyncOpenAI, AsyncStream, UnprocessableEntityError
from openai.types.chat import ChatCompletionChunk
from redis.asyncio import Redis

from contracts.ids import job_id_of, new_ulid
from infra.database import Database, open_database
from infra.embedded.child import stop_child
from infra.relay.keys import claim_key, log_key
from infra.relay.redis import open_redis
from infra.settings import DatabaseSettings, RedisSettings
from infra.store.results import ResultRow
from tests.acceptance.asking import CHAT, HELLO, STREAM, chunks, error_in, said
from tests.acceptance.test_python_sdk import HI
from tests.acceptance.waiting import until
from tests.product import Product
from tests.upstream import wire
from tests.upstream.script import Script
from tests.upstream.server import Upstream

REPLAYED = "Idempotency-Replayed"


@pytest.fixture
def key() -> dict[str, str]:
    """The header with a key that nobody used yet."""
    return {"Idempotency-Key": new_ulid()}


@dataclass(frozen=True)
class Kept:
    """What outlives the relay."""

    redis: Redis
    database: Database

    async def alone(self, completion: str) -> None:
        """Let the relay forget a job, once its result is kept."""
        job_id = job_id_of(completion)
        assert job_id is not None
        await until(lambda: self._has(job_id))
        await self.redis.delete(log_key(job_id), claim_key(job_id))

    async def _has(self, job_id: str) -> bool:
        async with self.database.begin() as session:
            return await session.get(ResultRow, job_id) is not None


@pytest.fixture
async def kept(valkey: RedisSettings, database: DatabaseSettings) -> AsyncIterator[Kept]:
    async with open_redis(valkey) as redis, open_database(database) as opened:
        yield Kept(redis, opened)


@asynccontextmanager
async def second_edge(product: Product) -> AsyncIterator[str]:
    """The address of another edge, until the block ends."""
    url = await product.add_edge()
    try:
        yield url
    finally:
        product.urls.remove(url)
        await stop_child(product.edges.pop())


async def test_second_call_of_the_sdk_gets_the_first_completion(
    sdk: AsyncOpenAI, upstream: Upstream, key: dict[str, str]
) -> None:
    create = sdk.chat.completions.with_raw_response.create

    first = await create(model="scripted", messages=HI, extra_headers=key)
    second = await create(model="scripted", messages=HI, extra_headers=key)

    assert second.content == first.content
    assert first.headers.get(REPLAYED) is None
    assert second.headers[REPLAYED] == "true"
    assert second.headers["X-Auth-Method"] == "jwt"
    assert len(upstream.chats) == 1


async def test_second_stream_of_the_sdk_has_the_chunks_of_the_first(
    sdk: AsyncOpenAI, upstream: Upstream, key: dict[str, str]
) -> None:
    upstream.always(Script(tokens=40))

    async def streamed() -> list[ChatCompletionChunk]:
        stream: AsyncStream[ChatCompletionChunk] = await sdk.chat.completions.create(
            model="scripted", messages=HI, stream=True, extra_headers=key
        )
        return [chunk async for chunk in stream]

    first, second = await streamed(), await streamed()

    assert second == first
    assert len(upstream.chats) == 1


async def test_running_stream_is_joined_from_its_first_chunk_on_another_edge(
    product: Product, api: aiohttp.ClientSession, upstream: Upstream, key: dict[str, str]
) -> None:
    script = Script(tokens=30, hold=10)
    upstream.always(script)

    async with second_edge(product) as url, api.post(CHAT, json=STREAM, headers=key) as first:
        await first.content.readline()
        async with api.post(url + CHAT, json=STREAM, headers=key) as second:
            begun = await second.content.readline()
            (await upstream.asked()).release()
            texts = await asyncio.gather(first.text(), second.text())

    assert second.headers[REPLAYED] == "true"
    assert said(begun.decode() + texts[1]) == wire.text(script)
    assert chunks(begun.decode() + texts[1])[0]["x_seq"] == 0
    assert len(upstream.chats) == 1


@pytest.mark.parametrize("body", [HELLO, STREAM])
async def test_fifty_calls_at_once_on_two_edges_are_one_job(
    product: Product,
    api: aiohttp.ClientSession,
    upstream: Upstream,
    key: dict[str, str],
    body: dict[str, object],
) -> None:
    upstream.always(Script(tokens=20, gap=0.01))

    async with second_edge(product) as url:

        async def ask(base: str) -> tuple[int, bytes, bool]:
            async with api.post(base + CHAT, json=body, headers=key) as answer:
                return answer.status, await answer.read(), REPLAYED in answer.headers

        answers = await asyncio.gather(*(ask(base) for base in (product.url, url) * 25))

    assert {status for status, _, _ in answers} == {200}
    assert len({content for _, content, _ in answers}) == 1
    assert sum(not is_replay for _, _, is_replay in answers) == 1
    assert len(upstream.chats) == 1


async def test_other_body_with_the_same_key_is_an_error_that_the_sdk_does_not_retry(
    sdk: AsyncOpenAI, upstream: Upstream, key: dict[str, str]
) -> None:
    patient = sdk.with_options(max_retries=3)
    await patient.chat.completions.create(model="scripted", messages=HI, extra_headers=key)

    with pytest.raises(UnprocessableEntityError) as refused:
        await patient.chat.completions.create(model="scripted", messages=HI, seed=1, extra_headers=key)

    assert refused.value.code == "idempotency_key_reused"
    assert refused.value.response.headers["x-should-retry"] == "false"
    assert refused.value.response.request.headers["x-stainless-retry-count"] == "0"
    assert len(upstream.chats) == 1


async def test_alias_of_the_path_is_the_same_request(
    api: aiohttp.ClientSession, upstream: Upstream, key: dict[str, str]
) -> None:
    async with api.post(CHAT, json=HELLO, headers=key) as first:
        given = await first.read()

    async with api.post("/llm" + CHAT, json=HELLO, headers=key) as second:
        assert await second.read() == given

    assert len(upstream.chats) == 1


async def test_two_users_with_the_same_key_never_meet(
    product: Product, api: aiohttp.ClientSession, upstream: Upstream, key: dict[str, str]
) -> None:
    stranger = {**key, "Authorization": f"Bearer {await product.token()}"}
    async with api.post(CHAT, json=HELLO, headers=key) as answer:
        mine = await answer.json()

    async with api.post(CHAT, json=STREAM, headers=stranger) as answer:
        assert answer.status == 200
        theirs = chunks(await answer.text())

    assert theirs[0]["id"] != mine["id"]
    assert REPLAYED not in answer.headers
    assert len(upstream.chats) == 2


@pytest.mark.parametrize("bad", ["", "a" * 256, "caf\xe9"])
async def test_what_is_no_key_is_refused_by_name(
    api: aiohttp.ClientSession, upstream: Upstream, bad: str
) -> None:
    async with api.post(CHAT, json=HELLO, headers={"Idempotency-Key": bad}) as answer:
        error = error_in(await answer.json())

    assert answer.status == 400
    assert error["param"] == "Idempotency-Key"
    assert not upstream.chats


async def test_client_that_comes_back_finds_the_work_done_for_it_meanwhile(
    api: aiohttp.ClientSession, upstream: Upstream, key: dict[str, str]
) -> None:
    script = Script(tokens=20, hold=5)
    upstream.always(script)
    leaving = await api.post(CHAT, json=STREAM, headers=key)
    await leaving.content.readline()

    leaving.close()
    (await upstream.asked()).release()

    async with api.post(CHAT, json=STREAM, headers=key) as answer:
        assert said(await answer.text()) == wire.text(script)
    assert len(upstream.chats) == 1


@pytest.mark.parametrize("body", [HELLO, STREAM])
async def test_answer_outlives_the_relay(
    api: aiohttp.ClientSession, upstream: Upstream, kept: Kept, key: dict[str, str], body: dict[str, object]
) -> None:
    async with api.post(CHAT, json=body, headers=key) as answer:
        first = await answer.text()

    await kept.alone(chunks(first)[0]["id"] if body is STREAM else json.loads(first)["id"])

    async with api.post(CHAT, json=body, headers=key) as again:
        assert await again.text() == first
    assert len(upstream.chats) == 1


async def test_cancelling_again_with_the_key_gets_the_first_answer_byte_for_byte(
    product: Product, api: aiohttp.ClientSession, upstream: Upstream, key: dict[str, str]
) -> None:
    upstream.always(Script(tokens=20, hold=5))
    async with api.post(CHAT, json=STREAM) as stream:
        begun = await stream.content.readline()
        path = f"/v1/jobs/{json.loads(begun.removeprefix(b'data: '))['id']}/cancel"

        answers = []
        for _ in range(2):
            async with api.post(path, headers=key) as answer:
                answers.append((answer.status, await answer.read(), answer.headers.get(REPLAYED)))
        async with api.post(path, headers={"Idempotency-Key": new_ulid()}) as anew:
            assert await anew.read() != answers[0][1]

    assert answers[0][0] == 200
    assert answers == [(*answers[0][:2], None), (*answers[0][:2], "true")]


async def test_error_of_a_route_that_answers_at_once_does_not_consume_the_key(
    api: aiohttp.ClientSession, upstream: Upstream, key: dict[str, str]
) -> None:
    async with api.post(f"/v1/jobs/{new_ulid()}/cancel", headers=key) as answer:
        assert answer.status == 404

    async with api.post(CHAT, json=HELLO, headers=key) as answer:
        assert answer.status == 200


async def test_guest_login_ignores_the_key(product: Product, key: dict[str, str]) -> None:
    async with aiohttp.ClientSession(product.url) as session:
        guests = []
        for _ in range(2):
            async with session.post("/auth/guest-login", headers=key) as answer:
                guests.append((await answer.json())["user_id"])
                assert answer.status == 201
                assert REPLAYED not in answer.headers

    assert guests[0] != guests[1]
