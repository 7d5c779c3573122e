"""The routes of identity over HTTP."""

import asyncio
import json
import re

import aiohttp
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from sqlalchemy import text

from api_edge.auth.accounts import Accounts
from contracts.ids import is_ulid
from infra.identity.opaque import keyed_hash
from infra.store.refresh_tokens import refresh_token_of

pytestmark = pytest.mark.stack


async def test_guest_login_answers_201_with_an_identity_and_tokens(client: aiohttp.ClientSession) -> None:
    async with client.post("/auth/guest-login") as answer:
        body = await answer.json()

    assert answer.status == 201
    assert answer.headers["Cache-Control"] == "no-store"
    assert set(body) == {
        "user_id",
        "username",
        "principal_id",
        "access_token",
        "refresh_token",
        "token_type",
        "expires_in",
    }
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 300)
    assert is_ulid(body["user_id"])
    assert re.fullmatch("guest-[0-9a-z]{26}", body["username"])


@pytest.mark.parametrize("data", [b"", b"{", b'{"username": "admin", "roles": ["admin"]}'])
async def test_body_of_a_guest_login_is_ignored(client: aiohttp.ClientSession, data: bytes) -> None:
    async with client.post("/auth/guest-login", data=data) as answer:
        body = await answer.json()

    assert answer.status == 201
    assert body["username"].startswith("guest-")


async def test_token_of_a_login_opens_a_route(client: aiohttp.ClientSession) -> None:
    async with client.post("/auth/guest-login") as answer:
        guest = await answer.json()

    async with client.get("/v1/who", headers={"Authorization": f"Bearer {guest['access_token']}"}) as answer:
        caller = await answer.json()

    assert (answer.status, caller["user_id"], caller["roles"]) == (200, guest["user_id"], ["guest"])


async def test_route_without_a_token_answers_401(client: aiohttp.ClientSession) -> None:
    async with client.get("/v1/who") as answer:
        body = await answer.json()

    assert (answer.status, body["error"]["code"]) == (401, "missing_credentials")


async def test_tokens_verify_with_the_documents_alone(client: aiohttp.ClientSession) -> None:
    async with client.get("/.well-known/openid-configuration") as answer:
        discovery = await answer.json()
    async with client.get(discovery["jwks_uri"].removeprefix("https://jan.example")) as answer:
        published = await answer.json()
    async with client.post("/auth/guest-login") as answer:
        guest = await answer.json()

    token = jwt.decode(
        guest["access_token"],
        KeySet.import_key_set(published),
        algorithms=discovery["id_token_signing_alg_values_supported"],
    )

    assert token.claims["iss"] == discovery["issuer"] == "https://jan.example"
    assert not {"d", "p", "q"} & published["keys"][0].keys()


async def test_refresh_token_is_stored_as_a_keyed_hash_of_its_session(
    client: aiohttp.ClientSession, accounts: Accounts
) -> None:
    async with client.post("/auth/guest-login") as answer:
        guest = await answer.json()
    hashed = keyed_hash(accounts.settings.secret.get_secret_value(), guest["refresh_token"])
    keys = KeySet.import_key_set((await accounts.issuer.key_set()).model_dump())  # type: ignore[arg-type]
    claims = jwt.decode(guest["access_token"], keys, algorithms=["RS256"]).claims

    async with accounts.database.begin() as session:
        stored = await refresh_token_of(session, hashed)
        rows = await (await session.connection()).execute(text("SELECT row_to_json(r) FROM refresh_tokens r"))

    assert stored is not None
    assert (stored.user_id, stored.family) == (guest["user_id"], claims["sid"])
    assert (stored.expires_at - stored.created_at).days == 30
    assert guest["refresh_token"] not in json.dumps([row[0] for row in rows])


async def test_logins_at_once_make_guests_of_their_own(client: aiohttp.ClientSession) -> None:
    async def login() -> str:
        async with client.post("/auth/guest-login") as answer:
            body: dict[str, str] = await answer.json()
            return body["user_id"]

    assert len(set(await asyncio.gather(*(login() for _ in range(50))))) == 50
