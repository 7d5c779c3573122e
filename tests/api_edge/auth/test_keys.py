"""API keys over HTTP: made, listed, ended, and what is wrong with those that are not made."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import pytest
from sqlalchemy import text

from api_edge.auth.parts import IdentityParts
from infra.identity.api_keys import is_api_key
from infra.identity.opaque import keyed_hash

pytestmark = pytest.mark.stack

PATH = "/auth/api-keys"
Json = dict[str, Any]
Headers = dict[str, str]


@pytest.fixture
async def me(identity: IdentityParts) -> Headers:
    return await guest(identity)


async def guest(identity: IdentityParts) -> Headers:
    return {"Authorization": f"Bearer {(await identity.accounts.guest_login()).access_token}"}


async def made(client: aiohttp.ClientSession, me: Headers, **more: Any) -> Json:
    async with client.post(PATH, json={"name": "ci", **more}, headers=me) as answer:
        assert answer.status == 201, await answer.text()
        body: Json = await answer.json()
        return body


async def listed(client: aiohttp.ClientSession, me: Headers, query: str = "") -> Json:
    async with client.get(PATH + query, headers=me) as answer:
        assert answer.status == 200
        body: Json = await answer.json()
        return body


async def deleted(client: aiohttp.ClientSession, me: Headers, key_id: str) -> int:
    async with client.delete(f"{PATH}/{key_id}", headers=me) as answer:
        return answer.status


async def refused(client: aiohttp.ClientSession, me: Headers, body: object) -> Json:
    async with client.post(PATH, json=body, headers=me) as answer:
        error: Json = (await answer.json())["error"]
        return {"status": answer.status, **error}


async def test_key_is_shown_once(client: aiohttp.ClientSession, me: Headers) -> None:
    async with client.post(PATH, json={"name": "ci"}, headers=me) as answer:
        body = await answer.json()
    page = await listed(client, me)

    assert (answer.status, answer.headers["Cache-Control"]) == (201, "no-store")
    assert is_api_key(body["key"].encode())
    assert (body["prefix"], body["last4"], body["suffix"]) == ("sk_live", body["key"][-4:], body["key"][-4:])
    assert (body["status"], body["name"], body["last_used_at"]) == ("active", "ci", None)
    assert page["data"] == [{name: value for name, value in body.items() if name != "key"}]
    assert body["key"] not in str(page)


async def test_only_a_keyed_hash_is_stored(
    client: aiohttp.ClientSession, me: Headers, identity: IdentityParts
) -> None:
    body = await made(client, me)

    async with identity.keys.database.begin() as session:
        rows = await (await session.connection()).execute(
            text("SELECT row_to_json(k)::text, key_hash FROM api_keys k WHERE key_id = :id"),
            {"id": body["id"]},
        )
        stored, key_hash = rows.one()

    assert body["key"] not in stored
    assert key_hash == keyed_hash(identity.keys.settings.secret.get_secret_value(), body["key"])


@pytest.mark.parametrize(
    ("asked", "life"),
    [
        ({}, timedelta(days=90)),
        ({"expires_in_days": None}, timedelta(days=90)),
        ({"expires_in_days": 1}, timedelta(days=1)),
        ({"expires_in_days": 90}, timedelta(days=90)),
        ({"expires_in": 3_600_000_000_000}, timedelta(hours=1)),
        ({"expires_in": 90 * 86_400 * 10**9}, timedelta(days=90)),
    ],
)
async def test_key_lives_as_long_as_asked(
    client: aiohttp.ClientSession, me: Headers, asked: Json, life: timedelta
) -> None:
    body = await made(client, me, **asked)

    assert datetime.fromisoformat(body["expires_at"]) - datetime.fromisoformat(body["created_at"]) == life


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({}, "missing_required_parameter", "name"),
        ({"name": None}, "invalid_type", "name"),
        ({"name": 7}, "invalid_type", "name"),
        ({"name": ""}, "invalid_value", "name"),
        ({"name": " "}, "invalid_value", "name"),
        ({"name": "a\n"}, "invalid_value", "name"),
        ({"name": "a\x00b"}, "invalid_value", "name"),
        ({"name": "a\x85b"}, "invalid_value", "name"),
        ({"name": "a\u2028b"}, "invalid_value", "name"),
        ({"name": "n" * 129}, "invalid_value", "name"),
        ({"name": "ci", "expires_in_days": 0}, "invalid_value", "expires_in_days"),
        ({"name": "ci", "expires_in_days": -1}, "invalid_value", "expires_in_days"),
        ({"name": "ci", "expires_in_days": 91}, "invalid_value", "expires_in_days"),
        ({"name": "ci", "expires_in_days": 10**30}, "invalid_value", "expires_in_days"),
        ({"name": "ci", "expires_in_days": "30"}, "invalid_type", "expires_in_days"),
        ({"name": "ci", "expires_in_days": 1.5}, "invalid_type", "expires_in_days"),
        ({"name": "ci", "expires_in_days": True}, "invalid_type", "expires_in_days"),
        ({"name": "ci", "expires_in": 0}, "invalid_value", "expires_in"),
        ({"name": "ci", "expires_in": 91 * 86_400 * 10**9}, "invalid_value", "expires_in"),
        ({"name": "ci", "expires_in": 10**9, "expires_in_days": 1}, "invalid_value", None),
        ([], "invalid_type", None),
        ("ci", "invalid_type", None),
    ],
)
async def test_bad_request_is_refused_by_the_name_of_its_field(
    client: aiohttp.ClientSession, me: Headers, body: object, code: str, param: str | None
) -> None:
    error = await refused(client, me, body)

    assert (error["status"], error["code"], error["param"]) == (400, code, param)


async def test_name_may_be_any_text_of_one_line(client: aiohttp.ClientSession, me: Headers) -> None:
    for name in ("a", "ключ № 1", "🔑 \u202e", "n" * 128):
        assert (await made(client, me, name=name))["name"] == name


async def test_twenty_at_once_make_five(client: aiohttp.ClientSession, me: Headers) -> None:
    async def ask() -> tuple[int, str]:
        async with client.post(PATH, json={"name": "ci"}, headers=me) as answer:
            return answer.status, (await answer.json()).get("error", {}).get("code", "")

    answers = await asyncio.gather(*(ask() for _ in range(20)))

    assert sorted(answers) == [(201, "")] * 5 + [(409, "conflict")] * 15
    assert len((await listed(client, me))["data"]) == 5


async def test_deleted_key_makes_room_for_another(client: aiohttp.ClientSession, me: Headers) -> None:
    keys = [await made(client, me) for _ in range(5)]
    full = await refused(client, me, {"name": "sixth"})

    assert await deleted(client, me, keys[0]["id"]) == 204

    assert (full["status"], full["code"]) == (409, "conflict")
    await made(client, me)


async def test_list_is_paged_newest_first(client: aiohttp.ClientSession, me: Headers) -> None:
    ids = [(await made(client, me))["id"] for _ in range(3)]

    first = await listed(client, me, "?limit=2")
    rest = await listed(client, me, f"?limit=2&after={first['next_after']}")

    assert [key["id"] for key in first["data"] + rest["data"]] == ids[::-1]
    assert (first["has_more"], rest["has_more"]) == (True, False)


async def test_ended_keys_stay_in_the_list_with_the_reason(
    client: aiohttp.ClientSession, me: Headers, identity: IdentityParts
) -> None:
    revoked, expired = await made(client, me), await made(client, me)
    await deleted(client, me, revoked["id"])
    async with identity.keys.database.begin() as session:
        await (await session.connection()).execute(
            text("UPDATE api_keys SET expires_at = now() WHERE key_id = :id"), {"id": expired["id"]}
        )

    states = {key["id"]: key["status"] for key in (await listed(client, me))["data"]}

    assert states == {revoked["id"]: "revoked", expired["id"]: "expired"}


async def test_foreign_key_is_unknown_like_one_that_never_was(
    client: aiohttp.ClientSession, me: Headers, identity: IdentityParts
) -> None:
    mine = await made(client, me)
    stranger = await guest(identity)

    assert await deleted(client, stranger, mine["id"]) == 404
    for unknown in ("01K9ZQ4T7M3N8R5V2X6Y0B1C4D", "null", "%00", "x" * 500, mine["id"].lower(), "ä"):
        assert await deleted(client, me, unknown) == 404
    assert (await listed(client, stranger))["data"] == []
    assert (await listed(client, me))["data"][0]["status"] == "active"
    async with client.get(f"{PATH}?after={mine['id']}", headers=stranger) as answer:
        assert answer.status == 400


async def test_deleting_twice_changes_nothing(client: aiohttp.ClientSession, me: Headers) -> None:
    key = await made(client, me)

    statuses = [await deleted(client, me, key["id"]) for _ in range(2)]

    assert statuses == [204, 204]


@pytest.mark.parametrize("header", ["Authorization", "X-API-Key"])
async def test_key_speaks_for_its_user_and_makes_and_ends_keys_too(
    client: aiohttp.ClientSession, me: Headers, header: str
) -> None:
    first = await made(client, me)
    own = {header: f"Bearer {first['key']}" if header == "Authorization" else first["key"]}

    second = await made(client, own)
    async with client.get("/v1/who", headers=own) as answer:
        caller = await answer.json()

    assert (caller["auth_method"], caller["key_id"]) == ("api_key", first["id"])
    assert await deleted(client, {"X-API-Key": second["key"]}, first["id"]) == 204
    async with client.get("/v1/who", headers=own) as answer:
        assert (answer.status, (await answer.json())["error"]["code"]) == (401, "invalid_api_key")


async def test_key_in_the_query_is_never_read(client: aiohttp.ClientSession, me: Headers) -> None:
    key = (await made(client, me))["key"]

    for name in ("api_key", "key", "access_token", "X-API-Key"):
        async with client.get("/v1/who", params={name: key}) as answer:
            assert (answer.status, (await answer.json())["error"]["code"]) == (401, "missing_credentials")
