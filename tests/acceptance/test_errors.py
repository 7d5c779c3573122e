"""Every failure has the one shape, whatever layer it comes from."""

import json
from dataclasses import dataclass, field

import aiohttp
import pytest

from tests.acceptance.asking import CHAT, HELLO, STREAM, Json, error_in
from tests.acceptance.raw import open_raw
from tests.product import Product
from tests.upstream.script import Script
from tests.upstream.server import Upstream

BODY = json.dumps(HELLO).encode()


@dataclass(frozen=True)
class Case:
    """A request that must fail, and how."""

    name: str
    status: int
    kind: str
    code: str
    method: str = "POST"
    path: str = CHAT
    body: bytes = BODY
    headers: dict[str, str] = field(default_factory=dict)
    param: str | None = None


def nested(levels: int) -> bytes:
    """A request whose unknown field makes it so many levels deep, itself included."""
    return BODY[:-1] + b', "x": ' + b"[" * (levels - 1) + b"]" * (levels - 1) + b"}"


BAD, AUTH, LOST = "invalid_request_error", "auth_error", "not_found_error"
CASES = [
    Case("unknown path", 404, LOST, "not_found", path="/v1/nope"),
    Case("unknown path outside v1", 404, LOST, "not_found", method="GET", path="/nope"),
    Case("path with a slash too much", 404, LOST, "not_found", path=CHAT + "/"),
    Case("odd path", 404, LOST, "not_found", method="GET", path="/%00/%ff/..%2f"),
    Case("wrong method on a hot route", 405, BAD, "method_not_allowed", method="PUT"),
    Case("wrong method on a cold route", 405, BAD, "method_not_allowed", path="/v1/models"),
    Case("unusual method", 405, BAD, "method_not_allowed", method="PURGE"),
    Case("bad JSON", 400, BAD, "invalid_json", body=b'{"model": "scripted", '),
    Case("two objects", 400, BAD, "invalid_json", body=BODY + BODY),
    Case("not UTF-8", 400, BAD, "invalid_json", body=BODY[:-1] + b', "user": "\xff\xfe"}'),
    Case("NaN", 400, BAD, "invalid_json", body=BODY[:-1] + b', "temperature": NaN}'),
    Case("empty body", 400, BAD, "invalid_json", body=b""),
    Case("a list", 400, BAD, "invalid_type", body=b"[]"),
    Case("a text", 400, BAD, "invalid_type", body=b'"hi"'),
    Case("null", 400, BAD, "invalid_type", body=b"null"),
    Case("too deep", 400, BAD, "json_too_deep", body=nested(65)),
    Case("far too deep", 400, BAD, "json_too_deep", body=nested(100_000)),
    Case("a form", 415, BAD, "unsupported_media_type", headers={"Content-Type": "multipart/form-data"}),
    Case("an image", 415, BAD, "unsupported_media_type", headers={"Content-Type": "image/png"}),
    Case(
        "wrong type",
        400,
        BAD,
        "invalid_type",
        body=json.dumps({**HELLO, "messages": [HELLO["messages"][0], {"role": 1}]}).encode(),
        param="messages[1].role",
    ),
    Case("no token", 401, AUTH, "missing_credentials", headers={"Authorization": ""}),
    Case("basic login", 401, AUTH, "missing_credentials", headers={"Authorization": "Basic YTpi"}),
    Case("bad token", 401, AUTH, "invalid_token", headers={"Authorization": "Bearer a.b.c"}),
    Case(
        "bad token on a cold route",
        401,
        AUTH,
        "invalid_token",
        method="GET",
        path="/v1/models",
        headers={"Authorization": "Bearer a.b.c"},
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_a_failure_has_the_one_shape(api: aiohttp.ClientSession, case: Case) -> None:
    headers = {"Content-Type": "application/json", "X-Request-Id": "mine", **case.headers}

    async with api.request(case.method, case.path, data=case.body, headers=headers) as answer:
        error = error_in(await answer.json())

    assert (answer.status, error["type"], error["code"]) == (case.status, case.kind, case.code)
    assert error["param"] == case.param
    assert error["request_id"] == "mine"
    assert answer.headers.getall("X-Request-Id") == ["mine"]
    assert answer.content_type == "application/json"
    assert ("WWW-Authenticate" in answer.headers) == (case.status == 401)


@pytest.mark.parametrize("path", [CHAT, "/v1/models", "/healthz"])
async def test_a_wrong_method_tells_the_right_one(api: aiohttp.ClientSession, path: str) -> None:
    async with api.delete(path) as answer:
        error_in(await answer.json())

    assert answer.status == 405
    assert answer.headers["Allow"] == ("GET, POST" if path == CHAT else "GET")


async def test_the_deepest_allowed_body_is_taken(api: aiohttp.ClientSession, upstream: Upstream) -> None:
    upstream.always(Script(tokens=1))

    async with api.post(CHAT, data=nested(64), headers={"Content-Type": "application/json"}) as answer:
        assert answer.status == 200, await answer.text()

    assert (await upstream.asked()).body.count(b"[") == nested(64).count(b"[")


@pytest.mark.parametrize(
    "sent",
    [
        b"BREW /pot HTTP/1.1\r\nHost: test\r\n\r\n",
        b"hello?\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
    ids=["unknown method", "a greeting", "TLS"],
)
async def test_what_is_not_http_is_told_so_and_cut_off(product: Product, sent: bytes) -> None:
    async with open_raw(product.url) as raw:
        await raw.send(sent)
        answer = await raw.answer()

        assert await raw.is_closed()
    assert answer.status == 400
    assert error_in(answer.json)["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize("body", [HELLO, STREAM], ids=["whole", "stream"])
@pytest.mark.parametrize(
    ("script", "status", "code"),
    [
        (Script(raw=b""), 502, "provider_unreachable"),
        (Script(raw=b"nonsense\r\n\r\n"), 502, "provider_bad_answer"),
        (Script(status=500, body=b"<html>oops</html>"), 502, "provider_error"),
        (
            Script(status=401, body=b'{"error":{"message":"Bad key sk-1234567890abcdef"}}'),
            502,
            "provider_error",
        ),
        (Script(status=503, body=b""), 502, "provider_error"),
        (Script(body=b"<html>hello</html>"), 502, "provider_bad_answer"),
        (Script(body=b'{"error":{"message":"out of memory","type":"server_error"}}'), 502, "provider_error"),
        (Script(body=b'{"choices":'), 502, "provider_bad_answer"),
    ],
    ids=["closed", "no HTTP", "500", "401", "503", "HTML", "error in a 200", "half JSON"],
)
async def test_a_providers_failure_is_told_as_such(
    api: aiohttp.ClientSession, upstream: Upstream, body: Json, script: Script, status: int, code: str
) -> None:
    upstream.always(script)

    async with api.post(CHAT, json=body) as answer:
        error = error_in(await answer.json())

    assert (answer.status, error["code"], error["type"]) == (status, code, "internal_error")
    assert "127.0.0.1" not in error["message"]
    assert "sk-1234567890abcdef" not in error["message"]


async def test_a_provider_that_is_away_is_told_as_such(
    api: aiohttp.ClientSession, upstream: Upstream
) -> None:
    upstream.refuse()

    async with api.post(CHAT, json=HELLO) as answer:
        error = error_in(await answer.json())

    assert (answer.status, error["code"]) == (502, "provider_unreachable")
