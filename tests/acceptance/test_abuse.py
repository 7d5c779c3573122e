"""Guests without number, guessed keys, crowds of slow clients, other origins, and ways around the door."""

import asyncio
from contextlib import AsyncExitStack

import aiohttp
import pytest

from tests.acceptance.asking import CHAT, HELLO, error_in
from tests.acceptance.edges import own_edge
from tests.acceptance.raw import open_raw
from tests.acceptance.waiting import LIMIT, until
from tests.product import Product
from tests.upstream.script import Script
from tests.upstream.server import Upstream

GUESS = "sk_live_" + "0" * 47
ORIGIN = "https://app.example"


async def test_guest_logins_of_one_address_are_limited_by_any_path_on_any_edge(product: Product) -> None:
    limited = {"JAN_AUTH_GUEST_LOGINS": "3", "JAN_EDGE_TRUSTED_PROXIES": "127.0.0.1"}
    paths = ["/auth/guest-login", "/llm/auth/guest-login"]
    async with (
        own_edge(product, **limited) as one,
        own_edge(product, **limited) as other,
        aiohttp.ClientSession() as session,
    ):

        async def login(url: str, path: str, address: str) -> tuple[int, str | None]:
            headers = {"X-Forwarded-For": f"203.0.113.77, {address}"}
            async with session.post(url + path, headers=headers) as answer:
                if answer.status != 201:
                    assert error_in(await answer.json())["code"] == "rate_limit_exceeded"
                return answer.status, answer.headers.get("Retry-After")

        first = [
            await login(url, path, "198.51.100.7")
            for url, path in zip([one, other] * 2, paths * 2, strict=True)
        ]
        neighbour = await login(one, paths[0], "198.51.100.8")

    assert [status for status, _ in first] == [201, 201, 201, 429]
    assert 1 <= int(first[-1][1] or 0) <= 60
    assert neighbour[0] == 201


async def test_links_are_not_guessed_without_end(product: Product) -> None:
    limited = {"JAN_AUTH_PUBLIC_READS": "3", "JAN_EDGE_TRUSTED_PROXIES": "127.0.0.1"}
    async with own_edge(product, **limited) as url, aiohttp.ClientSession(url) as session:
        from_there, elsewhere = ({"X-Forwarded-For": f"198.51.100.{number}"} for number in (27, 28))
        for number in range(3):
            async with session.get(f"/v1/public/shares/{number:022}", headers=from_there) as answer:
                assert answer.status == 404
        path = f"/v1/public/shares/{3:022}"
        async with session.get(path, headers=from_there) as answer:
            assert answer.status == 429
            assert error_in(await answer.json())["code"] == "rate_limit_exceeded"
            assert 1 <= int(answer.headers["Retry-After"]) <= 60
        async with session.get(path, headers=elsewhere) as answer:
            assert answer.status == 404


async def test_who_guesses_keys_is_told_to_wait_and_good_credentials_beside_them_pass(
    product: Product, token: str
) -> None:
    limited = {"JAN_AUTH_FAILURES": "5", "JAN_EDGE_TRUSTED_PROXIES": "127.0.0.1"}
    async with own_edge(product, **limited) as url, aiohttp.ClientSession(url) as session:
        from_there = {"X-Forwarded-For": "198.51.100.17"}
        good = {**from_there, "Authorization": f"Bearer {token}"}
        async with session.post("/auth/api-keys", json={"name": "guessed"}, headers=good) as answer:
            key = (await answer.json())["key"]
        async with session.get("/v1/models", headers={**from_there, "X-API-Key": key}) as answer:
            assert answer.status == 200
        statuses = []
        for number in range(8):
            guess = {**from_there, "X-API-Key": f"{GUESS}{number}"}
            async with session.get("/v1/models", headers=guess) as answer:
                statuses.append(answer.status)
        afterwards = []
        for headers in (good, {**from_there, "X-API-Key": key}):
            async with session.get("/v1/models", headers=headers) as answer:
                afterwards.append(answer.status)

    assert statuses == [401] * 5 + [429] * 3
    assert afterwards == [200, 200]


@pytest.mark.parametrize("sent", [b"", b"GET /v1/mod", b"POST /v1/jobs HTTP/1.1\r\nHost: a\r\nX-A"])
async def test_a_crowd_of_slow_connections_is_closed_and_disturbs_nobody(
    product: Product, token: str, upstream: Upstream, sent: bytes
) -> None:
    upstream.always(Script(tokens=1))
    settings = {"JAN_EDGE_HEAD_TIMEOUT": "2", "JAN_EDGE_MAX_CONNECTIONS": "400"}
    headers = {"Authorization": f"Bearer {token}"}
    limit = aiohttp.ClientTimeout(LIMIT)
    async with own_edge(product, **settings) as url, AsyncExitStack() as crowd:
        slow = [await crowd.enter_async_context(open_raw(url)) for _ in range(300)]
        await asyncio.gather(*(one.send(sent) for one in slow if sent))
        async with aiohttp.ClientSession(url, headers=headers, timeout=limit) as session:
            for _ in range(10):
                async with session.post(CHAT, json=HELLO) as answer:
                    assert answer.status == 200, await answer.text()
        assert all(await asyncio.gather(*(one.is_closed() for one in slow)))


async def test_only_allowed_origins_may_read_answers_refusals_included(product: Product) -> None:
    async with own_edge(product, JAN_EDGE_CORS_ORIGINS=ORIGIN) as url, aiohttp.ClientSession(url) as session:
        asking = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
        async with session.options(CHAT, headers={"Origin": ORIGIN, **asking}) as preflight:
            assert preflight.status == 200
            assert preflight.headers["Access-Control-Allow-Origin"] == ORIGIN
            assert "authorization" in preflight.headers["Access-Control-Allow-Headers"]
        async with session.options(CHAT, headers={"Origin": "https://evil.example", **asking}) as preflight:
            assert "Access-Control-Allow-Origin" not in preflight.headers
        for origin, allowed in ((ORIGIN, ORIGIN), ("https://evil.example", None), ("null", None)):
            async with session.post(CHAT, json=HELLO, headers={"Origin": origin}) as answer:
                assert answer.status == 401
                assert answer.headers.get("Access-Control-Allow-Origin") == allowed
                assert error_in(await answer.json())["code"] == "missing_credentials"


async def test_every_answer_carries_the_security_headers(api: aiohttp.ClientSession) -> None:
    for path in ("/v1/models", "/v1/nope", "/healthz", "/auth/me"):
        async with api.get(path) as answer:
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Referrer-Policy"] == "no-referrer"
            assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
            assert "no-store" in answer.headers["Cache-Control"] or path == "/v1/nope"


@pytest.mark.parametrize(
    "target",
    [
        "//v1/models",
        "/v1//models",
        "/V1/models",
        "/./v1/models",
        "/x/../v1/models",
        "/%76%31/models",
        "/v1%2fmodels",
        "/v1/%2e%2e/v1/models",
        "/llm/llm/v1/models",
        "/llm//v1/models",
        "/healthz/../v1/models",
        "/.well-known/../v1/models",
        "/.well-known/%2e%2e/v1/models",
        "/api/swagger/../../v1/models",
        "/api/swagger/%2e%2e/%2e%2e/v1/models",
        "/v1/public/../models",
        "/v1/public/%2e%2e/models",
        "/v1/models;/healthz",
        "/v1/models?/healthz",
        "/v1/models%00/healthz",
        "/v1/models/",
        "http://other/v1/models",
    ],
)
async def test_no_spelling_of_a_path_leads_around_the_door(product: Product, target: str) -> None:
    async with open_raw(product.url) as raw:
        await raw.send(f"GET {target} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n".encode())
        answer = await raw.answer()

    assert answer.status in {401, 404}
    assert error_in(answer.json)["code"] in {"missing_credentials", "not_found"}
    assert b"scripted" not in answer.body


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("path", ["/v1/models", "/auth/me", "/auth/api-keys", CHAT, "/v1/jobs/x", "/v1/nope"])
async def test_no_method_leads_around_the_door(product: Product, method: str, path: str) -> None:
    async with (
        aiohttp.ClientSession(product.url, headers={"X-HTTP-Method-Override": "OPTIONS"}) as session,
        session.request(method, path) as answer,
    ):
        assert answer.status == 401


async def test_an_edge_serves_the_surfaces_that_it_is_told_to(product: Product, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        own_edge(product, JAN_EDGE_SURFACES="media,mcp") as url,
        aiohttp.ClientSession(url, headers=headers) as session,
    ):
        async with session.get("/v1/models") as answer:
            error = error_in(await answer.json())
        async with session.get("/auth/me") as own:
            assert own.status == 200

    assert (answer.status, error["code"]) == (404, "not_found")
    assert "on this gateway" in error["message"]


async def test_a_burst_of_connections_beyond_the_most_leaves_room_when_it_is_over(
    product: Product, token: str
) -> None:
    async with own_edge(product, JAN_EDGE_MAX_CONNECTIONS_PER_ADDRESS="20") as url:
        async with AsyncExitStack() as crowd:
            held = [await crowd.enter_async_context(open_raw(url)) for _ in range(20)]
            assert len(held) == 20
            extra = await crowd.enter_async_context(open_raw(url))
            assert await extra.is_closed()
        async with aiohttp.ClientSession(url, headers={"Authorization": f"Bearer {token}"}) as session:

            async def is_served() -> bool:
                try:
                    async with session.get("/v1/models") as answer:
                        return answer.status == 200
                except aiohttp.ClientConnectionError:
                    return False

            await until(is_served)
