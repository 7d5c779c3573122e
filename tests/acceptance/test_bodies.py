"""Limits of size and time for request bodies, and the claim check of large ones."""

import asyncio
import json
from collections.abc import AsyncIterator
from io import BytesIO
from urllib.parse import urlsplit

import aiohttp
import pytest
from minio import Minio

from infra.settings import MIB, ObjectSettings
from tests.acceptance.asking import CHAT, HELLO, STREAM, Json, error_in, said
from tests.acceptance.raw import open_raw, request
from tests.acceptance.waiting import until
from tests.product import Product
from tests.upstream import wire
from tests.upstream.script import Script
from tests.upstream.server import Upstream

MAX_BODY = 8 * MIB


@pytest.fixture
def bucket(objects: ObjectSettings) -> Minio:
    """The object store, seen by a client of its own."""
    return Minio(
        urlsplit(objects.endpoint).netloc,
        access_key=objects.access_key,
        secret_key=objects.secret_key.get_secret_value(),
        secure=False,
        region=objects.region,
    )


async def test_a_length_over_the_limit_is_refused_before_the_body(product: Product, token: str) -> None:
    async with open_raw(product.url) as raw:
        await raw.send(request(CHAT, b"", f"Authorization: Bearer {token}", length=MAX_BODY + 1))
        answer = await raw.answer()

    assert answer.status == 413
    assert error_in(answer.json)["code"] == "body_too_large"


async def test_a_body_without_a_length_is_refused_when_it_passes_the_limit(
    product: Product, token: str
) -> None:
    headers = f"POST {CHAT} HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {token}\r\n"
    piece = b"%x\r\n%b\r\n" % (MIB, b" " * MIB)

    async with open_raw(product.url) as raw:
        await raw.send(headers.encode() + b"Transfer-Encoding: chunked\r\n\r\n")
        for _ in range(8):
            await raw.send(piece)
        await raw.send(b"1\r\n \r\n")
        answer = await raw.answer()

    assert answer.status == 413
    assert error_in(answer.json)["code"] == "body_too_large"


async def test_a_body_that_stalls_is_refused(product: Product, token: str) -> None:
    async with open_raw(product.url) as raw:
        await raw.send(request(CHAT, b'{"model"', f"Authorization: Bearer {token}", length=100))
        answer = await raw.answer()

    assert answer.status == 400
    assert "within 2 seconds" in error_in(answer.json)["message"]


async def test_a_body_in_pieces_is_taken(api: aiohttp.ClientSession, upstream: Upstream) -> None:
    upstream.always(Script(tokens=1))

    async def pieces() -> AsyncIterator[bytes]:
        for byte in json.dumps(HELLO).encode():
            yield bytes([byte])
            await asyncio.sleep(0)

    async with api.post(CHAT, data=pieces(), headers={"Content-Type": "application/json"}) as answer:
        assert answer.status == 200, await answer.text()

    assert (await upstream.asked()).json == HELLO


async def test_a_large_request_waits_in_the_bucket_only_while_its_job_runs(
    api: aiohttp.ClientSession, upstream: Upstream, bucket: Minio
) -> None:
    script = Script(tokens=2, hold=1)
    upstream.always(script)
    body = large(300_000, stream=True)

    async with api.post(CHAT, json=body) as answer:
        asked = await upstream.asked()
        [waiting] = await kept(bucket)
        asked.release()
        text = await answer.text()

    assert waiting.startswith("claim-check/")
    assert asked.json["messages"] == body["messages"]
    assert said(text) == wire.text(script)
    await until(lambda: is_empty(bucket))


async def test_a_large_request_is_gone_from_the_bucket_when_its_job_failed(
    api: aiohttp.ClientSession, upstream: Upstream, bucket: Minio
) -> None:
    upstream.always(Script(status=500, body=b""))

    async with api.post(CHAT, json=large(300_000)) as answer:
        error_in(await answer.json())

    assert answer.status == 502
    await until(lambda: is_empty(bucket))


async def test_a_small_request_never_reaches_the_bucket(
    api: aiohttp.ClientSession, upstream: Upstream, bucket: Minio
) -> None:
    upstream.always(Script(tokens=1, hold=-1))

    async with asyncio.TaskGroup() as tasks:
        asking = tasks.create_task(ask(api, large(200_000)))
        asked = await upstream.asked()
        waiting = await kept(bucket)
        asked.release()

    assert waiting == []
    assert asking.result()["choices"]


async def test_the_largest_request_reaches_the_provider_whole(
    api: aiohttp.ClientSession, upstream: Upstream, bucket: Minio
) -> None:
    upstream.always(Script(tokens=1))
    body = large(MAX_BODY)

    answer = await ask(api, body)

    assert (await upstream.asked()).json == body
    assert answer["choices"][0]["message"]["content"] == "t0 "
    await until(lambda: is_empty(bucket))


def large(size: int, *, stream: bool = False) -> Json:
    """A request of exactly so many bytes."""
    body = {**(STREAM if stream else HELLO), "messages": [{"role": "user", "content": ""}]}
    body["messages"][0]["content"] = "x" * (size - len(json.dumps(body)))
    return body


async def ask(api: aiohttp.ClientSession, body: Json) -> Json:
    """The whole answer."""
    data = BytesIO(json.dumps(body).encode())  # aiohttp warns of plain bytes over 1 MiB
    async with api.post(CHAT, data=data, headers={"Content-Type": "application/json"}) as answer:
        assert answer.status == 200, await answer.text()
        value: Json = await answer.json()
        return value


async def kept(bucket: Minio) -> list[str]:
    """What waits behind claim checks."""

    def look() -> list[str]:
        return [str(one.object_name) for one in bucket.list_objects("jan", "claim-check/", recursive=True)]

    return await asyncio.to_thread(look)


async def is_empty(bucket: Minio) -> bool:
    """Whether nothing waits."""
    return not await kept(bucket)
