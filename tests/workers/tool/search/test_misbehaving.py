"""Engines that misbehave in every way: the next one answers, and the result says why the first did not."""

import asyncio
import gzip
import json
import logging

import pytest

from tests.engines.script import Script
from tests.engines.server import Engines
from tests.workers.tool.search.desk import KEY, Desk, open_desk

CAPTCHA = b"<!doctype html><title>Are you a robot?</title>"
DEEP = b'{"organic": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"

PASSING = [
    (Script(status=500), "failing", "HTTP status 500"),
    (Script(status=502, body=CAPTCHA), "failing", "HTTP status 502"),
    (Script(status=503, headers={"Retry-After": "1"}), "failing", "HTTP status 503"),
    (Script(status=408), "failing", "HTTP status 408"),
    (Script(status=429), "limited", "asked too often"),
    (Script(status=429, headers={"Retry-After": "1"}), "limited", "asked too often"),
    (Script(fault="reset"), "broken", "connection to it broke"),
    (Script(fault="cut"), "broken", "connection to it broke"),
    (Script(body=gzip.compress(b"{}")[:-4], headers={"Content-Encoding": "gzip"}), "broken", "broke"),
]
LASTING = [
    (Script(status=302, headers={"Location": "http://127.0.0.1:1/"}), "refused", "redirects elsewhere"),
    (Script(status=400, body={"message": "Query not allowed"}), "refused", "refused the search"),
    (Script(status=401), "refused", "does not take this server's key"),
    (Script(status=403, body={"message": "Unauthorized."}), "refused", "does not take this server's key"),
    (Script(status=400, body={"message": "Not enough credits"}), "refused", "no credits are left"),
    (Script(status=404), "refused", "HTTP status 404"),
    (Script(status=204), "refused", "HTTP status 204"),
    (Script(status=500, body=b"x" * 200_000, headers={"Retry-After": "100000"}), "failing", "500"),
    (Script(status=429, headers={"Retry-After": "3600"}), "limited", "asked too often"),
    (Script(body=CAPTCHA), "no_answer", "perhaps a captcha"),
    (Script(body=b"\n  <html>"), "no_answer", "perhaps a captcha"),
    (Script(body=b""), "no_answer", "not valid JSON"),
    (Script(body=b'{"organic": ['), "no_answer", "not valid JSON"),
    (Script(body=b'{"organic": [], "credits": NaN}'), "no_answer", "not valid JSON"),
    (Script(body=b"\xff\xfe\x00"), "no_answer", "not valid JSON"),
    (Script(body=DEEP), "no_answer", "not valid JSON"),
    (Script(body=b"[]"), "no_answer", "another shape"),
    (Script(body=b"null"), "no_answer", "another shape"),
    (Script(body={"organic": "none"}), "no_answer", "another shape"),
    (Script(body=b"{" + b" " * 3_000_000), "too_large", "more than 2,097,152 bytes"),
    (
        Script(body=gzip.compress(b" " * 50_000_000), headers={"Content-Encoding": "gzip"}),
        "too_large",
        "more than 2,097,152 bytes",
    ),
    (Script(fault="endless"), "too_large", "more than 2,097,152 bytes"),
    (Script(fault="not_http"), "no_answer", "not valid HTTP"),
]


@pytest.mark.parametrize(("script", "outcome", "reason"), PASSING + LASTING)
async def test_the_next_engine_answers_and_the_result_says_why(
    engines: Engines, desk: Desk, script: Script, outcome: str, reason: str
) -> None:
    engines.always("serper", script)

    result = await desk.search()

    assert result.engine == "searxng"
    assert len(result.results) == 10
    (failure,) = result.metadata["failures"]
    assert failure["engine"] == "serper"
    assert failure["outcome"] == outcome
    assert reason in failure["reason"]
    assert desk.counted("serper", outcome) >= 1
    assert desk.counted("searxng", "answered") == 1


@pytest.mark.parametrize(("script", "outcome", "reason"), PASSING)
async def test_what_may_pass_is_tried_again(
    engines: Engines, desk: Desk, script: Script, outcome: str, reason: str
) -> None:
    engines.next("serper", script, script)

    result = await desk.search()

    assert result.engine == "serper"
    assert "failures" not in result.metadata
    assert engines.order == ["serper"] * 3
    assert desk.counted("serper", outcome) == 2
    assert len(desk.time.waits) == 2
    assert reason


@pytest.mark.parametrize(("script", "outcome", "reason"), LASTING)
async def test_what_does_not_pass_is_not(
    engines: Engines, desk: Desk, script: Script, outcome: str, reason: str
) -> None:
    engines.next("serper", script)

    await desk.search()

    assert engines.order == ["serper", "searxng"]
    assert desk.time.waits == []
    assert outcome
    assert reason


async def test_an_engine_that_does_not_answer_is_left_in_time(engines: Engines) -> None:
    engines.always("serper", Script(fault="hang"))

    async with open_desk(engines, timeout=1.5) as desk:
        result = await desk.search()

    assert result.engine == "searxng"
    assert result.metadata["failures"][0]["outcome"] == "timeout"
    await engines.gone()


async def test_an_engine_that_is_not_there_is_passed_over(engines: Engines) -> None:
    async with open_desk(engines, serper_url="http://127.0.0.1:1/search") as desk:
        result = await desk.search()

    assert result.metadata["failures"] == [
        {"engine": "serper", "outcome": "unreachable", "reason": "it cannot be reached"}
    ]


async def test_an_address_that_is_none_is_told(engines: Engines) -> None:
    async with open_desk(engines, serper_url="http://") as desk:
        result = await desk.search()

    assert result.metadata["failures"][0]["reason"] == "its address is not valid"


@pytest.mark.parametrize("script", [script for script, _, _ in PASSING + LASTING])
async def test_neither_keys_nor_addresses_are_told(
    engines: Engines, script: Script, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    engines.always("serper", script)
    engines.always("searxng", script)

    async with open_desk(engines) as desk:
        message = await desk.failure(q="what nobody may read")

    logged = json.dumps(
        [vars(record) for record in caplog.records if record.name.startswith("workers")], default=str
    )
    for secret in (KEY, engines.url, "127.0.0.1", "what nobody may read"):
        assert secret not in message
        assert secret not in logged
    assert "search_engine_failed" in logged


async def test_a_call_that_is_cancelled_leaves_no_connection(engines: Engines, desk: Desk) -> None:
    engines.always("serper", Script(fault="hang"))
    call = asyncio.create_task(desk.search())
    await engines.asked()

    call.cancel()

    with pytest.raises(asyncio.CancelledError):
        await call
    await engines.gone()
    assert engines.order == ["serper"]


async def test_compressed_answers_are_read(engines: Engines, desk: Desk) -> None:
    body = gzip.compress(json.dumps({"organic": [{"link": "https://a.example/"}]}).encode())
    engines.next("serper", Script(body=body, headers={"Content-Encoding": "gzip"}))

    assert (await desk.search()).citations == ["https://a.example/"]
