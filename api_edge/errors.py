"""Every failure as an answer in the one error shape, on the hot routes and on FastAPI's alike."""

import math
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from pydantic_core import ErrorDetails, to_json
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Send

from contracts.errors import ApiError, ErrorCode, ErrorDetail

MAX_RETRY_AFTER = 120
"""Seconds; official SDKs don't retry when told to wait longer."""
MAX_SHOWN = 64
"""Characters of what a client sent that are sent back in a message."""
NOT_RETRYABLE = frozenset({ErrorCode.IDEMPOTENCY_KEY_REUSED, ErrorCode.CANCELLED, ErrorCode.BUDGET_EXCEEDED})
METHODS = ("DELETE", "GET", "PATCH", "POST", "PUT")
CHALLENGE = b'Bearer realm="jan"'
_OF_STATUS = {
    400: ErrorCode.INVALID_JSON,
    401: ErrorCode.INVALID_TOKEN,
    403: ErrorCode.PERMISSION_DENIED,
    404: ErrorCode.NOT_FOUND,
    405: ErrorCode.METHOD_NOT_ALLOWED,
    413: ErrorCode.BODY_TOO_LARGE,
    415: ErrorCode.UNSUPPORTED_MEDIA_TYPE,
}
_LOCATIONS = frozenset({"body", "query", "path", "header", "cookie"})

Headers = list[tuple[bytes, bytes]]


def error_body(detail: ErrorDetail, request_id: str | None) -> bytes:
    """The JSON of an error."""
    return to_json(detail.public(request_id))


def shown(text: str) -> str:
    """What a client sent as a message may repeat it: cut, and without what a terminal would obey."""
    short = text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 3] + "..."
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in short)


def error_headers(detail: ErrorDetail) -> Headers:
    """The headers that belong to an error: when to come back, how to log in."""
    headers = [(b"content-type", b"application/json")]
    if detail.retry_after is not None:
        seconds = min(MAX_RETRY_AFTER, max(1, math.ceil(detail.retry_after)))
        headers.append((b"retry-after", b"%d" % seconds))
    elif detail.status == 503:  # noqa: PLR2004  overloaded: always say when to come back
        headers.append((b"retry-after", b"1"))
    if detail.status == 401:  # noqa: PLR2004  RFC 9110 section 11.6.1
        headers.append((b"www-authenticate", challenge(detail.code)))
    if detail.code in NOT_RETRYABLE:
        headers.append((b"x-should-retry", b"false"))
    return headers


def challenge(code: str | None) -> bytes:
    """How to log in, and what was wrong with the try; without a try, nothing was (RFC 6750, section 3.1)."""
    if code == ErrorCode.MISSING_CREDENTIALS:
        return CHALLENGE
    error = b"invalid_request" if code == ErrorCode.AMBIGUOUS_CREDENTIALS else b"invalid_token"
    return CHALLENGE + b', error="' + error + b'"'


async def send_error(
    send: Send, detail: ErrorDetail, request_id: str | None, more: Sequence[tuple[bytes, bytes]] = ()
) -> None:
    """Answer with an error, where nothing was sent yet."""
    body = error_body(detail, request_id)
    headers = [*error_headers(detail), (b"content-length", b"%d" % len(body)), *more]
    await send({"type": "http.response.start", "status": detail.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def invalid_request(error: ValidationError, value: object) -> ApiError:
    """The first thing that is wrong with a request body, told by the path of the field."""
    return _invalid(error.errors(include_url=False), value)


def install_error_handlers(app: FastAPI) -> None:
    """Give FastAPI's own failures, and ours inside its routes, the one error shape."""
    app.add_exception_handler(ApiError, _on_api_error)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(Exception, _on_bug)


async def _on_api_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)  # noqa: S101  what it is registered for
    return _response(request, error.detail)


async def _on_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101  what it is registered for
    return _response(request, _invalid(error.errors(), error.body).detail)


async def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  what it is registered for
    code = _OF_STATUS.get(error.status_code, ErrorCode.INTERNAL)
    path = shown(request.url.path)
    message = {
        ErrorCode.NOT_FOUND: f"Unknown path: {path}",
        ErrorCode.METHOD_NOT_ALLOWED: f"{shown(request.method)} is not allowed on {path}",
    }.get(code, str(error.detail))
    answer = _response(request, ApiError(code, message).detail)
    answer.headers.update(error.headers or {})
    if code is ErrorCode.METHOD_NOT_ALLOWED:
        answer.headers["allow"] = ", ".join(_allowed(request))
    return answer


async def _on_bug(_: Request, error: Exception) -> Response:
    """Nobody here answers for a bug: it is told and answered at the outermost layer, once."""
    raise error


def _allowed(request: Request) -> list[str]:
    """All methods of the path; the framework names those of the first route alone."""
    routes = request.app.routes
    return [
        method
        for method in METHODS
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in routes)
    ]


def _response(request: Request, detail: ErrorDetail) -> Response:
    answer = Response(error_body(detail, request.scope["state"].get("request_id")), detail.status)
    answer.raw_headers = [*error_headers(detail), *answer.raw_headers]
    return answer


def _invalid(errors: Sequence[ErrorDetails | dict[str, Any]], value: object) -> ApiError:
    params = [_param(error["loc"], value, is_missing=error["type"] == "missing") for error in errors]
    at = _deepest(params)
    first, param = errors[at], params[at]
    kind = str(first["type"])
    where = param or "The request"
    if kind == "json_invalid":
        return ApiError(ErrorCode.INVALID_JSON, f"The body is not valid JSON: {first['msg']}")
    if kind == "missing":
        return ApiError(ErrorCode.MISSING_PARAMETER, f"{where} is required", param=param)
    code = ErrorCode.INVALID_TYPE if kind.endswith("_type") else ErrorCode.INVALID_VALUE
    return ApiError(code, f"{where}: {first['msg']}", param=param)


def _deepest(params: Sequence[str | None]) -> int:
    """Which error tells most of the first field: of a union's members, the one that went furthest."""
    field = params[0] or ""
    inside = [at for at, param in enumerate(params) if param == field or _is_inside(param, field)]
    return max(inside, key=lambda at: len(params[at] or ""), default=0)


def _is_inside(param: str | None, field: str) -> bool:
    return bool(field and param and param.startswith((f"{field}.", f"{field}[")))


def _param(location: tuple[int | str, ...], value: object, *, is_missing: bool) -> str | None:
    """`messages[0].role`, without the names that unions add to a location."""
    if location and location[0] in _LOCATIONS:
        location = location[1:]
        value = value if isinstance(value, (dict, list)) else None
    path = ""
    for at, part in enumerate(location):
        is_last_missing = is_missing and at == len(location) - 1
        name = shown(str(part))
        if isinstance(part, int):
            path += f"[{part}]"
        elif is_last_missing or value is None or (isinstance(value, dict) and part in value):
            path += f".{name}" if path else name
        else:
            continue
        value = _step(value, part)
    return path or None


def _step(value: object, part: int | str) -> object:
    if isinstance(value, dict):
        return value.get(part)
    if isinstance(value, list) and isinstance(part, int) and part < len(value):
        return value[part]
    return None
