"""Two providers of one model, and how they fail: retried, failed over or truthfully told, never invented.

`one` comes before `two` where both cost the same: by its name.
"""

import json
from collections.abc import AsyncIterator

import aiohttp
import pytest

from tests.acceptance.asking import DONE, Json, error_in, payloads, said
from tests.acceptance.people import admin_client
from tests.acceptance.vendors import KEY, WAYS, Duo, Way, open_duo
from tests.product import Product
from tests.upstream import wire
from tests.upstream.script import Fault, Script

pytestmark = pytest.mark.stack

TRIES = 3
"""How often a provider is asked for one job at most: JAN_PROVIDER_RETRIES, and the first time."""
SPOKEN = "two0 two1 two2 "


@pytest.fixture
async def boss(product: Product) -> AsyncIterator[aiohttp.ClientSession]:
    async with admin_client(product) as session:
        yield session


@pytest.fixture
async def duo(boss: aiohttp.ClientSession, api: aiohttp.ClientSession) -> AsyncIterator[Duo]:
    async with open_duo(boss, api) as two:
        yield two


def text_of(body: str, way: Way) -> str:
    """What an answer says."""
    if way == "stream":
        return said(body)
    text: str = json.loads(body)["choices"][0]["message"]["content"]
    return text


def error_of(body: str, way: Way) -> tuple[str, Json]:
    """What a stream showed before its error, and the error."""
    if way == "whole" or not body.startswith("data:"):
        return "", error_in(json.loads(body))
    *shown, last = payloads(body)
    assert DONE not in shown
    chunks = [json.loads(payload) for payload in shown]
    text = "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])
    return text, error_in(json.loads(last))


HTML = b"<html><body>502 Bad Gateway</body></html>"
OF_HTML = (("content-type", "text/html"),)
NO_CHOICES = (b'{"id":"x","object":"chat.completion.chunk"}', b"[DONE]")
ELSEWHERE = {
    "500": Script(status=500, body=wire.error(500, "fell over")),
    "503": Script(status=503, body=wire.error(503, "busy")),
    "502 of a gateway": Script(status=502, body=HTML, headers=OF_HTML),
    "401": Script(status=401, body=wire.error(401, "bad key")),
    "402": Script(status=402, body=wire.error(402, "pay first")),
    "403": Script(status=403, body=wire.error(403, "not for you")),
    "404 of the model": Script(status=404, body=wire.error(404, "no such model")),
    "429": Script(status=429, body=wire.error(429, "slow down"), headers=(("retry-after", "30"),)),
    "HTML": Script(body=HTML, headers=OF_HTML),
    "HTML that says it is JSON": Script(body=HTML),
    "broken JSON": Script(body=b'{"id": "x", "choices": [{'),
    "an error with status 200": Script(body=wire.error(500, "fell over")),
    "nothing": Script(body=b""),
    "closed before the head": Script(fault="close", after=-1),
    "reset before the head": Script(fault="reset", after=-1),
    "closed within the body": Script(body=b'{"id": "x", ', framing="short_length"),
}
ELSEWHERE_IN_STREAMS = {
    "cut before the first token": Script(fault="close", after=1),
    "reset before the first token": Script(fault="reset", after=1),
    "an error before the first token": Script(fault="error", after=1),
    "chunks without choices": Script(payloads=NO_CHOICES),
    "nothing but the end": Script(payloads=(b"[DONE]",)),
    "broken JSON in the stream": Script(fault="bad_json", after=1),
}
CASES = [
    *(("whole", name, script) for name, script in ELSEWHERE.items()),
    *(("stream", name, script) for name, script in (ELSEWHERE | ELSEWHERE_IN_STREAMS).items()),
]


@pytest.mark.parametrize(
    ("way", "script"), [pytest.param(way, script, id=f"{name}-{way}") for way, name, script in CASES]
)
async def test_who_fails_before_anything_is_shown_is_followed_by_the_other(
    duo: Duo, way: Way, script: Script
) -> None:
    duo.one.upstream.always(script)

    status, body, _ = await duo.ask(way)

    assert (status, text_of(body, way)) == (200, SPOKEN), body
    assert duo.counts == (1, 1)


@pytest.mark.parametrize("way", WAYS)
async def test_who_is_not_there_is_followed_by_the_other(duo: Duo, way: Way) -> None:
    duo.one.upstream.refuse()

    status, body, _ = await duo.ask(way)

    assert (status, text_of(body, way)) == (200, SPOKEN), body
    assert duo.counts == (0, 1)


@pytest.mark.parametrize("fault", ["close", "reset", "end", "error", "bad_json"])
async def test_after_something_was_shown_nobody_else_is_asked(duo: Duo, fault: Fault) -> None:
    duo.one.upstream.models[duo.model] = Script(word="one", tokens=5, fault=fault, after=3)

    status, body, _ = await duo.ask("stream")

    shown, error = error_of(body, "stream")
    assert (status, shown) == (200, "one0 one1 ")
    assert error["code"].startswith("provider_") or error["code"] == "fell_over"
    assert duo.counts == (1, 0)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("status", [400, 413, 422])
async def test_what_the_asker_did_wrong_is_told_at_once(duo: Duo, status: int, way: Way) -> None:
    duo.one.upstream.always(Script(status=status, body=wire.error(status, "top_k is too large")))

    found, body, _ = await duo.ask(way)

    _, error = error_of(body, way)
    assert (found, error["type"]) == (status if status != 422 else 400, "invalid_request_error")
    assert "top_k is too large" in error["message"]
    assert duo.counts == (1, 0)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("script", "status", "code"),
    [
        (ELSEWHERE["500"], 502, "provider_error"),
        (ELSEWHERE["HTML"], 502, "provider_bad_answer"),
        (ELSEWHERE["closed before the head"], 502, "provider_unreachable"),
        (ELSEWHERE["429"], 429, "provider_rate_limited"),
    ],
)
async def test_when_all_fail_the_failure_is_told_after_few_tries(
    duo: Duo, script: Script, status: int, code: str, way: Way
) -> None:
    for vendor in (duo.one, duo.two):
        vendor.upstream.always(script)

    found, body, headers = await duo.ask(way)

    shown, error = error_of(body, way)
    assert (found if way == "whole" else status, error["code"], shown) == (status, code, "")
    assert KEY not in body + str(headers)
    assert duo.one.upstream.url not in body
    assert all(1 <= count <= TRIES for count in duo.counts), duo.counts
