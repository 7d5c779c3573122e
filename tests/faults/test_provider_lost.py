"""The provider dies in the middle of its answer."""

import json
from typing import get_args

import aiohttp
import pytest

from tests.acceptance.asking import CHAT, HELLO, STREAM, error_in, payloads
from tests.product import Product
from tests.upstream.script import Fault, Script
from tests.upstream.server import Upstream

CODES: dict[Fault, str] = {
    "reset": "provider_stream_cut",
    "close": "provider_stream_cut",
    "end": "provider_stream_cut",
    "bad_json": "provider_bad_answer",
    "error": "fell_over",
    "huge_line": "provider_bad_answer",
}


def test_every_fault_but_silence_is_tried() -> None:
    assert set(CODES) == set(get_args(Fault)) - {"none", "silence"}


@pytest.mark.parametrize("fault", CODES)
async def test_a_stream_that_breaks_ends_with_an_error_event(
    product: Product, api: aiohttp.ClientSession, upstream: Upstream, fault: Fault
) -> None:
    upstream.always(Script(tokens=9, fault=fault, after=4, size=5_000_000))

    async with api.post(CHAT, json=STREAM) as answer:
        *told, last = [json.loads(payload) for payload in payloads(await answer.text())]

    assert answer.status == 200
    assert [chunk["choices"][0]["delta"]["content"] for chunk in told] == ["", "t0 ", "t1 ", "t2 "]
    assert error_in(last)["code"] == CODES[fault]
    assert error_in(last)["request_id"] == answer.headers["X-Request-Id"]
    assert len(upstream.chats) == 1


@pytest.mark.parametrize("fault", ["reset", "close"])
async def test_a_whole_answer_that_breaks_is_an_error(
    product: Product, api: aiohttp.ClientSession, upstream: Upstream, fault: Fault
) -> None:
    upstream.always(Script(fault=fault, after=0))

    async with api.post(CHAT, json=HELLO) as answer:
        error = error_in(await answer.json())

    assert answer.status == 502
    assert error["type"] == "internal_error"


async def test_a_provider_that_goes_away_mid_stream_and_comes_back_serves_again(
    product: Product, api: aiohttp.ClientSession, upstream: Upstream
) -> None:
    upstream.next(Script(tokens=5, hold=3))
    upstream.always(Script(tokens=1))

    async with api.post(CHAT, json=STREAM) as answer:
        await upstream.asked()
        await answer.content.readuntil(b"t1 ")
        upstream.refuse()
        rest = (await answer.read()).decode()
    async with api.post(CHAT, json=HELLO) as refused:
        error = error_in(await refused.json())
    await upstream.accept()
    async with api.post(CHAT, json=HELLO) as served:
        assert served.status == 200

    assert "provider_stream_cut" in rest
    assert (refused.status, error["code"]) == (502, "provider_unreachable")
