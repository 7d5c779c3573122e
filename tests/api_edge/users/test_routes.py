"""Preferences over HTTP."""

import asyncio
import json

import aiohttp
import pytest

from tests.api_edge.auth.sessions import Json, bearer, log_in

pytestmark = pytest.mark.stack

PATH = "/v1/users/me/settings"


async def change(client: aiohttp.ClientSession, tokens: Json, body: object) -> tuple[int, Json]:
    """Send a patch, bytes as they are."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Content-Type": "application/json", **bearer(tokens)}
    async with client.patch(PATH, data=data, headers=headers) as answer:
        return answer.status, await answer.json()


async def settings_of(client: aiohttp.ClientSession, tokens: Json) -> Json:
    async with client.get(PATH, headers=bearer(tokens)) as answer:
        assert answer.status == 200, await answer.text()
        told: Json = await answer.json()
        return told


async def test_settings_are_empty_at_first(client: aiohttp.ClientSession) -> None:
    assert await settings_of(client, await log_in(client)) == {}


async def test_patches_are_merged_key_by_key(client: aiohttp.ClientSession) -> None:
    guest = await log_in(client)

    await change(client, guest, {"theme": "dark", "chat": {"model": "m", "tools": ["a"]}})
    status, whole = await change(client, guest, {"chat": {"model": None, "tools": ["b"]}, "n": 1.5})

    assert status == 200
    assert whole == {"theme": "dark", "chat": {"tools": ["b"]}, "n": 1.5}
    assert await settings_of(client, guest) == whole


async def test_patches_at_once_lose_nothing(client: aiohttp.ClientSession) -> None:
    guest = await log_in(client)

    answers = await asyncio.gather(*(change(client, guest, {f"k{at}": at}) for at in range(20)))

    assert {status for status, _ in answers} == {200}
    assert await settings_of(client, guest) == {f"k{at}": at for at in range(20)}


async def test_settings_of_one_user_are_not_anothers(client: aiohttp.ClientSession) -> None:
    guest, other = await log_in(client), await log_in(client)

    await change(client, guest, {"theme": "dark"})

    assert await settings_of(client, other) == {}


@pytest.mark.parametrize("letters", ["ü 漢 🚀", "\u2028", "' or 1=1; --"])
async def test_text_comes_back_as_it_went(client: aiohttp.ClientSession, letters: str) -> None:
    guest = await log_in(client)

    await change(client, guest, {letters: letters})

    assert await settings_of(client, guest) == {letters: letters}


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        (b"", "missing_required_parameter", None),
        (b"{", "invalid_json", None),
        (b"null", "invalid_type", None),
        (b"[]", "invalid_type", None),
        (b'"x"', "invalid_type", None),
        (b'{"a": "\\u0000"}', "invalid_value", "a"),
        (b'{"a": {"b": ["\\ud800"]}}', "invalid_value", "a.b[0]"),
        (b'{"a": {"\\u0000": 1}}', "invalid_value", "a"),
        (b'{"\\ud800": 1}', "invalid_value", None),
        (b'{"a": 1e400}', "invalid_value", "a"),
        (b'{"a": 9223372036854775808}', "invalid_value", "a"),
        (b'{"a":' * 33 + b"1" + b"}" * 33, "json_too_deep", None),
    ],
)
async def test_what_cannot_be_kept_is_a_400_and_changes_nothing(
    client: aiohttp.ClientSession, body: bytes, code: str, param: str | None
) -> None:
    guest = await log_in(client)

    status, answer = await change(client, guest, body)

    assert (status, answer["error"]["code"], answer["error"]["param"]) == (400, code, param)
    assert await settings_of(client, guest) == {}


async def test_settings_have_a_size_counted_in_bytes_of_the_whole(client: aiohttp.ClientSession) -> None:
    guest = await log_in(client)
    assert (await change(client, guest, {"a": "x" * 40_000}))[0] == 200

    status, answer = await change(client, guest, {"b": "x" * 30_000})

    assert (status, answer["error"]["code"]) == (413, "body_too_large")
    assert list(await settings_of(client, guest)) == ["a"]
    assert (await change(client, guest, {"a": None, "b": "x" * 30_000}))[0] == 200


async def test_settings_need_a_caller(client: aiohttp.ClientSession) -> None:
    async with client.get(PATH) as answer:
        assert answer.status == 401
