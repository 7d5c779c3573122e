"""Bodies within their limits, told by the header or found out while reading."""

import asyncio

import pytest
from starlette.types import Message, Receive, Scope

from api_edge.middleware.body import ClientGone, parse_object, read_body, read_json
from contracts.errors import ApiError


def scope(**headers: str) -> Scope:
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "headers": pairs}


def sending(*parts: bytes, ends: bool = True) -> Receive:
    messages: list[Message] = [
        {"type": "http.request", "body": part, "more_body": not (ends and part is parts[-1])}
        for part in parts
    ]

    async def receive() -> Message:
        if messages:
            return messages.pop(0)
        await asyncio.Event().wait()
        raise AssertionError

    return receive


async def failure_of(scope: Scope, receive: Receive, *, limit: int = 10, seconds: float = 5) -> str | None:
    with pytest.raises(ApiError) as raised:
        await read_body(scope, receive, limit=limit, seconds=seconds)
    return raised.value.detail.code


async def test_a_body_in_parts_is_joined() -> None:
    assert await read_body(scope(), sending(b"ab", b"cd"), limit=4, seconds=5) == b"abcd"


async def test_a_declared_length_over_the_limit_is_refused_before_a_byte_is_read() -> None:
    assert await failure_of(scope(content_length="11"), sending(ends=False)) == "body_too_large"


async def test_an_undeclared_length_is_refused_as_soon_as_it_is_over_the_limit() -> None:
    assert await failure_of(scope(), sending(b"x" * 6, b"x" * 6, ends=False)) == "body_too_large"


async def test_a_body_that_never_ends_is_given_up() -> None:
    assert await failure_of(scope(), sending(b"x", ends=False), seconds=0.01) == "invalid_value"


async def test_a_client_that_leaves_in_its_body_is_told_apart() -> None:
    async def receive() -> Message:
        return {"type": "http.disconnect"}

    with pytest.raises(ClientGone):
        await read_body(scope(), receive, limit=10, seconds=5)


async def test_a_type_that_cannot_be_json_is_refused() -> None:
    with pytest.raises(ApiError) as raised:
        await read_json(
            scope(content_type="Multipart/form-data; boundary=x"), sending(b"{}"), limit=9, seconds=5, depth=3
        )

    assert raised.value.detail.status == 415


@pytest.mark.parametrize("kind", ["", "application/json", "application/x-www-form-urlencoded", "text/plain"])
async def test_json_is_read_whatever_a_simple_client_calls_it(kind: str) -> None:
    given = scope(content_type=kind) if kind else scope()

    assert await read_json(given, sending(b'{"a":1}'), limit=99, seconds=5, depth=3) == ({"a": 1}, b'{"a":1}')


@pytest.mark.parametrize(("body", "is_fine"), [(b'{"a":[[1]]}', True), (b'{"a":[[[1]]]}', False)])
def test_depth_is_counted_in_levels(*, body: bytes, is_fine: bool) -> None:
    if is_fine:
        assert parse_object(body, depth=3)
        return
    with pytest.raises(ApiError) as raised:
        parse_object(body, depth=3)
    assert raised.value.detail.code == "json_too_deep"


def test_many_shallow_values_are_not_deep() -> None:
    assert parse_object(b'{"a":[' + b"{}," * 500 + b"{}]}", depth=3)


def test_values_come_through_exactly() -> None:
    body = (
        '{"big": 123456789012345678901234567890, "zero": 0, "float": 1.10, "text": "\\u00e9\\ud83d\\ude00"}'
    )

    value = parse_object(body.encode(), depth=3)

    assert value == {"big": 123456789012345678901234567890, "zero": 0, "float": 1.1, "text": "é😀"}


@pytest.mark.parametrize("number", [b"1e400", b"-1E+309", b"9" * 400 + b".5", b'[{"x": 1e999}]'])
async def test_a_number_beyond_a_double_is_refused_wherever_it_stands(number: bytes) -> None:
    with pytest.raises(ApiError) as raised:
        parse_object(b'{"a": ' + number + b"}", depth=9)

    assert raised.value.detail.code == "invalid_json"


@pytest.mark.parametrize("value", [b"1e308", b'"1e400"', b"[1.5e-400]"])
async def test_a_number_that_fits_is_taken(value: bytes) -> None:
    assert parse_object(b'{"a": ' + value + b"}", depth=9).keys() == {"a"}


@pytest.mark.parametrize(("encoding", "is_taken"), [("gzip", False), ("identity", True), ("Identity", True)])
async def test_a_compressed_body_is_refused(encoding: str, is_taken: bool) -> None:  # noqa: FBT001
    asking = read_json(scope(content_encoding=encoding), sending(b"{}"), limit=9, seconds=5, depth=9)

    if is_taken:
        assert await asking == ({}, b"{}")
        return
    with pytest.raises(ApiError) as raised:
        await asking

    assert raised.value.detail.status == 415
