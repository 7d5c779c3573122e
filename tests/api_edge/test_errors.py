"""What the framework would answer by itself has the one error shape, and errors have their headers."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
from fastapi import APIRouter, FastAPI, HTTPException
from pydantic import BaseModel, ConfigDict
from starlette.types import ASGIApp
from yarl import URL

from api_edge.errors import MAX_SHOWN, challenge, error_headers, install_error_handlers, shown
from api_edge.middleware.conventions import Conventions
from contracts.errors import CATALOGUE, ApiError, ErrorCode
from tests.api_edge.ops.small_edge import serving

KEYS = {"type", "code", "message", "param", "request_id"}
JSON = {"Content-Type": "application/json", "X-Request-Id": "mine"}


class NoStats:
    """Counts nothing."""

    def answered(self, route: str, method: str, status: int, seconds: float) -> None: ...
    def error(self, code: str) -> None: ...


class Thing(BaseModel):
    """What the toy route takes."""

    model_config = ConfigDict(extra="forbid")

    name: str


@dataclass(frozen=True)
class Answer:
    """An answer that was an error."""

    status: int
    headers: dict[str, str]
    error: dict[str, Any]  # JSON


Ask = Callable[..., Awaitable[Answer]]


def small_api() -> ASGIApp:
    api = FastAPI(redirect_slashes=False)
    install_error_handlers(api)
    router = APIRouter()

    @router.get("/things/{number}")
    async def read(number: int) -> int:
        return number

    @router.post("/things/{number}")
    async def change(number: int, thing: Thing) -> Thing:
        return thing

    @router.delete("/things/{number}")
    async def delete(number: int) -> None: ...

    @api.get("/bug")
    async def bug() -> None:
        raise ZeroDivisionError

    @api.get("/raised/{status}")
    async def raised(status: int) -> None:
        raise HTTPException(status)

    api.include_router(router)
    return Conventions(api, NoStats(), lambda _: "things")


@pytest.fixture
async def ask() -> AsyncIterator[Ask]:
    async with serving(small_api()) as url, aiohttp.ClientSession() as session:  # type: ignore[arg-type]  # any ASGI

        async def asked(method: str, path: str, body: bytes | None = None) -> Answer:
            address = URL(url + path, encoded=True)
            async with session.request(method, address, data=body, headers=JSON) as answer:
                told = await answer.json()
                assert set(told["error"]) == KEYS
                assert answer.headers.getall("X-Request-Id") == [told["error"]["request_id"]] == ["mine"]
                assert answer.headers.getall("Content-Type") == ["application/json"]
                return Answer(answer.status, dict(answer.headers), told["error"])

        yield asked


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/nope", None, 404, "not_found"),
        ("GET", "/things/1/", None, 404, "not_found"),
        ("PATCH", "/things/1", b"{}", 405, "method_not_allowed"),
        ("OPTIONS", "/things/1", None, 405, "method_not_allowed"),
        ("GET", "/things/one", None, 400, "invalid_value"),
        ("POST", "/things/1", b'{"name": ', 400, "invalid_json"),
        ("POST", "/things/1", b'{"name": "\xff"}', 400, "invalid_json"),
        ("POST", "/things/1", b"[" * 100_000, 400, "invalid_json"),
        ("POST", "/things/1", b"[]", 400, "invalid_type"),
        ("POST", "/things/1", b"{}", 400, "missing_required_parameter"),
        ("POST", "/things/1", b'{"name": 1}', 400, "invalid_type"),
        ("GET", "/bug", None, 500, "internal_error"),
        ("GET", "/raised/404", None, 404, "not_found"),
        ("GET", "/raised/418", None, 500, "internal_error"),
    ],
)
async def test_a_failure_has_the_one_shape(
    ask: Ask, method: str, path: str, body: bytes | None, status: int, code: str | None
) -> None:
    answer = await ask(method, path, body)

    assert answer.status == status
    assert code is None or answer.error["code"] == code


async def test_a_head_of_a_failure_has_its_headers_and_no_body() -> None:
    async with (
        serving(small_api()) as url,  # type: ignore[arg-type]  # any ASGI application
        aiohttp.ClientSession() as session,
        session.head(f"{url}/things/1") as answer,
    ):
        body = await answer.read()

    assert (answer.status, body) == (405, b"")
    assert answer.headers["X-Request-Id"]


async def test_a_wrong_method_is_told_all_right_ones(ask: Ask) -> None:
    answer = await ask("PUT", "/things/1", b"{}")

    assert answer.headers["Allow"] == "DELETE, GET, POST"


async def test_what_a_client_sent_is_cut_where_it_is_repeated(ask: Ask) -> None:
    lost = await ask("GET", "/" + "x" * 3_000)
    extra = await ask("POST", "/things/1", json.dumps({"name": "a", "y" * 3_000: 1}).encode())

    assert lost.error["message"] == "Unknown path: " + shown("/" + "x" * 3_000)
    assert extra.error["param"] == shown("y" * 3_000)
    assert "y" * (MAX_SHOWN + 1) not in extra.error["message"]


def test_what_is_repeated_is_short_and_obeyed_by_no_terminal() -> None:
    assert shown("short") == "short"
    assert len(shown("x" * 65)) == MAX_SHOWN
    assert shown("a\x1b[2Jb\r\n\u202e") == "a\ufffd[2Jb\ufffd\ufffd\ufffd"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (ErrorCode.MISSING_CREDENTIALS, b'Bearer realm="jan"'),
        (ErrorCode.INVALID_TOKEN, b'Bearer realm="jan", error="invalid_token"'),
        (ErrorCode.INVALID_API_KEY, b'Bearer realm="jan", error="invalid_token"'),
        (ErrorCode.AMBIGUOUS_CREDENTIALS, b'Bearer realm="jan", error="invalid_request"'),
    ],
)
def test_a_refused_credential_is_told_as_rfc_6750_says(code: ErrorCode, expected: bytes) -> None:
    assert challenge(code) == expected


@pytest.mark.parametrize("code", CATALOGUE)
def test_each_code_has_the_headers_of_its_status(code: ErrorCode) -> None:
    detail = ApiError(code, "No").detail

    names = {name for name, _ in error_headers(detail)}

    assert (b"www-authenticate" in names) == (detail.status == 401)
    assert (b"retry-after" in names) == (detail.status == 503)
