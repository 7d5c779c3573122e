"""POST /v1/embeddings, by the official SDK and by hand."""

import base64
import json
import math
import struct

import aiohttp
import pytest
from openai import AsyncOpenAI, BadRequestError, InternalServerError, NotFoundError

from infra.database import open_database
from infra.settings import DatabaseSettings
from infra.store.jobs import job_of
from tests.acceptance.asking import error_in
from tests.acceptance.waiting import until
from tests.product import Product
from tests.upstream import vectors
from tests.upstream.script import Script
from tests.upstream.server import Upstream

TEXTS = ["a", "two", "three words here"]
PATH = "/v1/embeddings"
MIB = 1024 * 1024


async def test_the_sdk_gets_numbers_for_each_text_in_order(sdk: AsyncOpenAI, upstream: Upstream) -> None:
    answer = await sdk.embeddings.create(model="scripted", input=TEXTS)

    assert [one.embedding for one in answer.data] == [
        vectors.vector(text, at) for at, text in enumerate(TEXTS)
    ]
    assert (answer.object, answer.model, answer.usage.prompt_tokens) == ("list", "scripted", 20)
    assert upstream.chats[0].json["encoding_format"] == "base64"  # the SDK's own way, passed on


async def test_what_was_sent_reaches_the_provider_unchanged(sdk: AsyncOpenAI, upstream: Upstream) -> None:
    tokens = [[1, 2, 3], [4]]

    await sdk.embeddings.create(
        model="scripted", input=tokens, dimensions=4, encoding_format="float", extra_body={"truncate": "NONE"}
    )

    sent = upstream.chats[0].json
    assert sent == {
        "model": "scripted",
        "input": tokens,
        "dimensions": 4,
        "encoding_format": "float",
        "truncate": "NONE",
    }


async def test_what_was_used_is_in_the_ledger(
    sdk: AsyncOpenAI, upstream: Upstream, product: Product, database: DatabaseSettings
) -> None:
    if not product.ledgers:
        await product.add_ledger()
    raw = await sdk.embeddings.with_raw_response.create(model="scripted", input="four", user="u")
    job_id = raw.headers["x-job-id"]

    async def is_counted() -> bool:
        async with open_database(database) as opened, opened.begin() as session:
            stored = await job_of(session, job_id)
        return stored is not None and stored.view.usage is not None and stored.view.usage.input_tokens == 4

    await until(is_counted)


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"input": ""}, "input"),
        ({"input": []}, "input"),
        ({"input": ["a", ""]}, "input"),
        ({"input": ["a"] * 2_049}, "input"),
        ({"input": 7}, "input"),
        ({"input": "a", "encoding_format": "hex"}, "encoding_format"),
        ({"input": "a", "dimensions": 0}, "dimensions"),
        ({}, "input"),
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


async def test_a_model_that_nobody_has_is_not_found(sdk: AsyncOpenAI) -> None:
    with pytest.raises(NotFoundError):
        await sdk.embeddings.create(model="nobody-has-this", input="a")


@pytest.mark.parametrize(
    "body",
    [b'{"data": []}', b'{"data": [{"index": 0}]}', b'{"choices": []}', b"[]", b"<html>"],
)
async def test_an_answer_without_vectors_is_the_providers_failure(
    sdk: AsyncOpenAI, upstream: Upstream, body: bytes
) -> None:
    upstream.always(Script(body=body))

    with pytest.raises(InternalServerError) as raised:
        await sdk.with_options(max_retries=0).embeddings.create(model="scripted", input="a")

    assert (raised.value.status_code, raised.value.code) == (502, "provider_bad_answer")


async def test_a_providers_refusal_is_told_as_it_is(sdk: AsyncOpenAI, upstream: Upstream) -> None:
    refusal = {"error": {"message": "too long", "type": "invalid_request_error", "code": None}}
    upstream.always(Script(status=400, body=json.dumps(refusal).encode()))

    with pytest.raises(BadRequestError, match="too long"):
        await sdk.embeddings.create(model="scripted", input="a")


async def test_numbers_where_base64_was_asked_for_are_numbers_to_the_sdk(
    sdk: AsyncOpenAI, upstream: Upstream
) -> None:
    data = [{"object": "embedding", "index": 0, "embedding": [0.5, -1e-05]}]
    answer = {"object": "list", "data": data, "model": "m", "usage": {"prompt_tokens": 1, "total_tokens": 1}}
    upstream.always(Script(body=json.dumps(answer).encode()))

    got = await sdk.embeddings.create(model="scripted", input="a")

    assert got.data[0].embedding == [0.5, -1e-05]


async def test_the_largest_answer_arrives_whole(api: aiohttp.ClientSession, upstream: Upstream) -> None:
    vector = [round(math.sin(number), 9) for number in range(1_536)]
    data = [{"object": "embedding", "index": index, "embedding": vector} for index in range(2_048)]
    body = json.dumps({"object": "list", "data": data, "model": "scripted"}).encode()
    upstream.always(Script(body=body))

    async with api.post(PATH, json={"model": "scripted", "input": ["a"] * 2_048}) as answer:
        got = await answer.json()

    assert len(body) > 32 * MIB
    assert got["data"] == data


async def test_an_answer_beyond_the_limit_is_refused_truthfully(sdk: AsyncOpenAI, upstream: Upstream) -> None:
    upstream.always(Script(body=b'{"data": "' + b"a" * (64 * MIB) + b'"}'))

    with pytest.raises(InternalServerError, match="larger than") as raised:
        await sdk.embeddings.create(model="scripted", input="a")

    assert raised.value.code == "provider_bad_answer"


async def test_an_idempotency_key_asks_once(api: aiohttp.ClientSession, upstream: Upstream) -> None:
    body = {"model": "scripted", "input": "once"}
    headers = {"Idempotency-Key": "embed-once"}

    async with api.post(PATH, json=body, headers=headers) as first:
        one = await first.json()
    async with api.post(PATH, json=body, headers=headers) as again:
        two = await again.json()

    assert one == two
    assert len(upstream.chats) == 1


def test_packed_numbers_are_what_they_were() -> None:
    packed = json.loads(vectors.completion(Script(), {"input": "abc", "encoding_format": "base64"}))

    text = packed["data"][0]["embedding"]
    assert list(struct.unpack("<4f", base64.b64decode(text))) == vectors.vector("abc", 0)
    assert math.isclose(vectors.vector("abc", 0)[0], 3.0)
