"""Server-sent events as they stand on the wire."""

import json
import re

import aiohttp
import pytest
from openai import AsyncOpenAI

from tests.acceptance.asking import CHAT, STREAM, chunks, error_in, payloads, said
from tests.acceptance.raw import Raw, open_raw, request
from tests.product import Product
from tests.upstream import wire
from tests.upstream.script import Script
from tests.upstream.server import Upstream

EVENTS = re.compile(rb"(?:data: \{[^\n]*\}\n\n)+data: \[DONE\]\n\n")
PING = b": ping\n"
REFUSED = b'{"error":{"message":"no such thing","type":"invalid_request_error","param":null,"code":"no"}}'


async def test_a_stream_is_events_of_one_line_and_a_done(
    product: Product, upstream: Upstream, token: str
) -> None:
    script = Script(tokens=5)
    upstream.always(script)

    async with open_raw(product.url) as raw:
        await raw.send(_ask(token))
        answer = await raw.answer()

    assert answer.status == 200
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert EVENTS.fullmatch(answer.body)
    assert said(answer.body.decode()) == wire.text(script)


async def test_the_connection_serves_again_after_a_stream(
    product: Product, upstream: Upstream, token: str
) -> None:
    upstream.always(Script(tokens=2))

    async with open_raw(product.url) as raw:
        for _ in range(3):
            await raw.send(_ask(token))
            answer = await raw.answer()

            assert EVENTS.fullmatch(answer.body)


async def test_every_chunk_has_its_number_one_id_and_the_tier(
    api: aiohttp.ClientSession, upstream: Upstream
) -> None:
    upstream.always(Script(tokens=50, choices=2))
    options = {"include_usage": True}

    async with api.post(CHAT, json={**STREAM, "n": 2, "stream_options": options}) as answer:
        given = chunks(await answer.text())

    assert [chunk["x_seq"] for chunk in given] == list(range(len(given)))
    assert len({chunk["id"] for chunk in given}) == 1
    assert {chunk["service_tier"] for chunk in given} == {"default"}
    assert {chunk["object"] for chunk in given} == {"chat.completion.chunk"}
    assert given[-1]["usage"]["completion_tokens"] == 100


async def test_silence_is_filled_with_comments_of_one_newline(
    product: Product, upstream: Upstream, token: str
) -> None:
    script = Script(tokens=3, hold=2)
    upstream.always(script)

    async with open_raw(product.url) as raw:
        await raw.send(_ask(token))
        await raw.head()
        body = await _read_pings(raw, 2)
        (await upstream.asked()).release()
        while piece := await raw.piece():
            body += piece

    assert body.count(PING) >= 2
    assert EVENTS.fullmatch(body.replace(PING, b""))
    assert said(body.decode()) == wire.text(script)


async def test_a_stream_begins_with_a_comment_when_the_first_token_is_late(
    product: Product, upstream: Upstream, token: str
) -> None:
    upstream.always(Script(tokens=1, hold=-1))

    async with open_raw(product.url) as raw:
        await raw.send(_ask(token))
        head = await raw.head()
        first = await raw.piece()
        (await upstream.asked()).release()
        rest = b""
        while piece := await raw.piece():
            rest += piece

    assert head.status == 200
    assert first == PING
    assert EVENTS.fullmatch(rest.replace(PING, b""))


async def test_the_python_sdk_lives_with_comments(sdk: AsyncOpenAI, upstream: Upstream) -> None:
    script = Script(tokens=3, hold=2)
    upstream.always(script)

    stream = await sdk.chat.completions.create(
        model="scripted", messages=[{"role": "user", "content": "hi"}], stream=True
    )
    text = "".join([(await anext(stream)).choices[0].delta.content or "" for _ in range(2)])
    (await upstream.asked()).release()
    text += "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

    assert text == wire.text(script)


async def test_a_refusal_before_the_first_token_is_a_plain_error(
    api: aiohttp.ClientSession, upstream: Upstream
) -> None:
    upstream.always(Script(status=400, body=REFUSED))

    async with api.post(CHAT, json=STREAM) as answer:
        error = error_in(await answer.json())

    assert answer.status == 400
    assert answer.content_type == "application/json"
    assert error["code"] == "no"


async def test_a_refusal_after_a_comment_is_an_error_event(
    product: Product, upstream: Upstream, token: str
) -> None:
    upstream.always(Script(status=400, body=REFUSED, hold=-1))

    async with open_raw(product.url) as raw:
        await raw.send(_ask(token, "X-Request-Id: mine"))
        body = b""
        await raw.head()
        body += await raw.piece()
        (await upstream.asked()).release()
        while piece := await raw.piece():
            body += piece

    [payload] = payloads(body.decode())
    assert error_in(json.loads(payload)) == {
        "type": "invalid_request_error",
        "code": "no",
        "message": "no such thing",
        "param": None,
        "request_id": "mine",
    }


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
async def test_a_providers_own_way_of_writing_is_not_passed_on(
    api: aiohttp.ClientSession, upstream: Upstream, newline: str
) -> None:
    script = Script(tokens=4, newline=newline, comments=True, space=False, slice=7)
    upstream.always(script)

    async with api.post(CHAT, json=STREAM) as answer:
        body = await answer.read()

    assert EVENTS.fullmatch(body)
    assert said(body.decode()) == wire.text(script)


async def test_tokens_come_as_they_are_made(product: Product, upstream: Upstream, token: str) -> None:
    script = Script(tokens=2, hold=2)
    upstream.always(script)

    async with open_raw(product.url) as raw:
        await raw.send(_ask(token))
        await raw.head()
        body = b""
        while b'"t0 "' not in body:
            body += await raw.piece()
        sent_so_far = (await upstream.asked()).sent
        (await upstream.asked()).release()
        await _drained(raw)

    assert sent_so_far == 2


async def _read_pings(raw: Raw, count: int) -> bytes:
    body = b""
    while body.count(PING) < count:
        body += await raw.piece()
    return body


async def _drained(raw: Raw) -> None:
    while await raw.piece():
        pass


def _ask(token: str, *headers: str) -> bytes:
    return request(CHAT, json.dumps(STREAM).encode(), f"Authorization: Bearer {token}", *headers)
