"""Request bodies, read whole within the limits of size, time and depth."""

import asyncio
import math
import re
from typing import Any

from pydantic_core import from_json
from starlette.types import Receive, Scope

from contracts.errors import ApiError, ErrorCode

_REFUSED_TYPES = ("multipart/", "image/", "audio/", "video/", "application/octet-stream")
_VAST = re.compile(rb"[0-9][eE]\+?[0-9]{3}|[0-9]{309}")
"""What a number may look like that is more than a double holds."""


class ClientGone(Exception):
    """The client closed the connection before its request was whole."""


def header(scope: Scope, name: bytes) -> bytes | None:
    """The first value of a header, by its lower-case name."""
    for key, value in scope["headers"]:
        if key == name:
            return bytes(value)
    return None


async def read_body(scope: Scope, receive: Receive, *, limit: int, seconds: float) -> bytes:
    """The whole body. Raises ApiError when it is larger than `limit` bytes or slower than `seconds`."""
    length = header(scope, b"content-length")
    if length is not None and length.isdigit() and int(length) > limit:
        raise _too_large(limit)
    try:
        async with asyncio.timeout(seconds):
            return await _read(receive, limit)
    except TimeoutError as error:
        message = f"The body did not arrive within {seconds:g} seconds"
        raise ApiError(ErrorCode.INVALID_VALUE, message) from error


def check_type(scope: Scope) -> None:
    """Refuse what says that it is no JSON, or is compressed. Raises ApiError."""
    kind = (header(scope, b"content-type") or b"").decode("latin-1").lower()
    if kind.startswith(_REFUSED_TYPES):
        raise ApiError(ErrorCode.UNSUPPORTED_MEDIA_TYPE, "Content-Type must be application/json")
    if (header(scope, b"content-encoding") or b"identity").strip().lower() != b"identity":
        raise ApiError(ErrorCode.UNSUPPORTED_MEDIA_TYPE, "The body must not be compressed")


async def read_json(
    scope: Scope, receive: Receive, *, limit: int, seconds: float, depth: int
) -> tuple[dict[str, Any], bytes]:
    """The body as a JSON object, and as it came. Raises ApiError telling what is wrong with it."""
    check_type(scope)
    body = await read_body(scope, receive, limit=limit, seconds=seconds)
    return parse_object(body, depth=depth), body


def parse_object(body: bytes, *, depth: int) -> dict[str, Any]:
    """A JSON object of at most `depth` levels. Raises ApiError."""
    value = parse_json(body, depth=depth)
    if not isinstance(value, dict):
        raise ApiError(ErrorCode.INVALID_TYPE, "The body must be a JSON object")
    return value


def parse_json(body: bytes, *, depth: int) -> Any:  # any JSON
    """A JSON value of at most `depth` levels. Raises ApiError."""
    try:
        value = from_json(body, allow_inf_nan=False, cache_strings="keys")
    except ValueError as error:
        if "recursion limit" in str(error):
            raise _too_deep(depth) from error
        raise ApiError(ErrorCode.INVALID_JSON, f"The body is not valid JSON: {error}") from error
    if body.count(b"[") + body.count(b"{") > depth and _is_deeper(value, depth):
        raise _too_deep(depth)
    if _VAST.search(body) and _is_infinite(value):  # it would reach the provider as null
        raise ApiError(ErrorCode.INVALID_JSON, "The body is not valid JSON: a number is out of range")
    return value


async def _read(receive: Receive, limit: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise ClientGone
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise _too_large(limit)
        parts.append(part)
        if not message.get("more_body", False):
            return parts[0] if len(parts) == 1 else b"".join(parts)


def _is_deeper(value: object, depth: int) -> bool:
    level = [value]
    for _ in range(depth):
        level = [
            child
            for one in level
            for child in (one.values() if isinstance(one, dict) else one)  # type: ignore[attr-defined]  # containers only
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True


def _is_infinite(value: object) -> bool:
    if isinstance(value, dict | list):
        return any(map(_is_infinite, value.values() if isinstance(value, dict) else value))
    return isinstance(value, float) and math.isinf(value)


def _too_large(limit: int) -> ApiError:
    return ApiError(ErrorCode.BODY_TOO_LARGE, f"The body may hold at most {limit} bytes")


def _too_deep(depth: int) -> ApiError:
    return ApiError(ErrorCode.TOO_DEEP, f"The body may be nested at most {depth} levels deep")
