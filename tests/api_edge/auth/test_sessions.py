"""Refresh tokens: rotated, used once, and refused for the true reason."""

import asyncio
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from sqlalchemy import text

from api_edge.auth.accounts import Accounts
from contracts.envelope import Role
from infra.store.audit import OPERATOR
from infra.store.refresh_tokens import refresh_token_of
from infra.store.standing import deactivate, grant, reactivate, withdraw
from tests.api_edge.auth.sessions import Json, log_in, refresh, refreshed, refusal, who

pytestmark = pytest.mark.stack


async def claims_of(accounts: Accounts, tokens: Json) -> Json:
    keys = KeySet.import_key_set((await accounts.issuer.key_set()).model_dump())  # type: ignore[arg-type]
    return jwt.decode(tokens["access_token"], keys, algorithms=["RS256"]).claims


async def test_a_refresh_gives_the_next_tokens_of_the_same_session(
    client: aiohttp.ClientSession, accounts: Accounts
) -> None:
    guest = await log_in(client)

    async with client.post("/auth/refresh-token", json={"refresh_token": guest["refresh_token"]}) as answer:
        tokens = await answer.json()

    assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-store")
    assert "Set-Cookie" not in answer.headers
    assert set(tokens) == {"access_token", "refresh_token", "token_type", "expires_in", "expires_at"}
    assert tokens["refresh_token"] != guest["refresh_token"]
    before, after = await claims_of(accounts, guest), await claims_of(accounts, tokens)
    assert (after["sub"], after["sid"]) == (before["sub"], before["sid"])
    assert after["jti"] != before["jti"]
    ends = datetime.fromisoformat(tokens["expires_at"])
    assert abs(ends - datetime.fromtimestamp(after["exp"], UTC)) <= timedelta(seconds=1)


async def test_each_token_of_a_chain_is_good_once(client: aiohttp.ClientSession) -> None:
    tokens = await log_in(client)

    for _ in range(5):
        tokens = await refreshed(client, tokens["refresh_token"])

    assert (await who(client, tokens))[0] == 200


async def test_a_used_token_ends_its_whole_session_and_no_other(
    client: aiohttp.ClientSession,
) -> None:
    stolen, bystander = await log_in(client), await log_in(client)
    tokens = await refreshed(client, stolen["refresh_token"])

    status, body = await refresh(client, stolen["refresh_token"])

    assert (status, refusal(body)[0]) == (401, "invalid_token")
    assert "was used before; its session has been ended" in refusal(body)[1]
    status, body = await refresh(client, tokens["refresh_token"])
    assert (status, refusal(body)[1]) == (401, "The refresh token has been revoked")
    for access in (stolen, tokens):
        status, body = await who(client, access)
        assert (status, refusal(body)[1]) == (401, "The access token has been revoked")
    assert (await who(client, bystander))[0] == 200
    await refreshed(client, bystander["refresh_token"])


async def test_of_two_uses_at_once_one_wins_and_the_other_ends_the_session(
    client: aiohttp.ClientSession,
) -> None:
    guest = await log_in(client)

    answers = await asyncio.gather(*(refresh(client, guest["refresh_token"]) for _ in range(8)))

    won = [body for status, body in answers if status == 200]
    assert len(won) == 1
    assert {status for status, _ in answers} == {200, 401}
    assert (await refresh(client, won[0]["refresh_token"]))[0] == 401
    assert (await who(client, won[0]))[0] == 401


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", (400, "missing_required_parameter")),
        (b"{}", (400, "missing_required_parameter")),
        (b"null", (400, "missing_required_parameter")),
        (b'{"refresh_token": ""}', (400, "invalid_value")),
        (b'{"refresh_token": 1}', (400, "invalid_type")),
        (b'{"refresh_token": "' + b"x" * 9_000 + b'"}', (400, "invalid_value")),
        (b'["rt"]', (400, "invalid_type")),
        (b"{", (400, "invalid_json")),
        (b'{"refresh_token": "rt_unknown"}', (401, "invalid_token")),
        (b'{"refresh_token": "\\u0000"}', (401, "invalid_token")),
    ],
)
async def test_what_is_no_refresh_token_is_told_apart(
    client: aiohttp.ClientSession, data: bytes, expected: tuple[int, str]
) -> None:
    headers = {"Content-Type": "application/json"}

    async with client.post("/auth/refresh-token", data=data, headers=headers) as answer:
        body = await answer.json()

    assert (answer.status, body["error"]["code"]) == expected
    if "missing" in expected[1]:
        assert body["error"]["param"] == "refresh_token"


async def test_an_access_token_is_told_to_be_none(client: aiohttp.ClientSession) -> None:
    guest = await log_in(client)

    status, body = await refresh(client, guest["access_token"])

    assert (status, refusal(body)[1]) == (401, "This is an access token; send the refresh token")


async def test_an_expired_token_is_refused_and_its_session_left_alone(
    client: aiohttp.ClientSession, accounts: Accounts
) -> None:
    guest = await log_in(client)
    await expire(accounts, guest["refresh_token"])

    status, body = await refresh(client, guest["refresh_token"])

    assert (status, refusal(body)[1]) == (401, "The refresh token has expired")
    assert (await who(client, guest))[0] == 200


async def test_expired_tokens_are_swept_when_new_ones_come(
    client: aiohttp.ClientSession, accounts: Accounts
) -> None:
    old = await log_in(client)
    await expire(accounts, old["refresh_token"])

    await log_in(client)

    async with accounts.database.begin() as session:
        assert await refresh_token_of(session, accounts.hashed(old["refresh_token"])) is None


async def test_roles_are_those_of_now(client: aiohttp.ClientSession, accounts: Accounts) -> None:
    guest = await log_in(client)
    async with accounts.revocations.begin() as work:
        await grant(work, guest["user_id"], Role.ADMIN, OPERATOR)

    tokens = await refreshed(client, guest["refresh_token"])

    assert (await who(client, guest))[1]["roles"] == ["guest"]
    assert (await who(client, tokens))[1]["roles"] == ["guest", "admin"]


async def test_a_withdrawn_role_is_denied_at_once_and_the_session_goes_on_without(
    client: aiohttp.ClientSession, accounts: Accounts
) -> None:
    guest = await log_in(client)
    async with accounts.revocations.begin() as work:
        await grant(work, guest["user_id"], Role.ADMIN, OPERATOR)
    admin = await refreshed(client, guest["refresh_token"])

    async with accounts.revocations.begin() as work:
        await withdraw(work, guest["user_id"], Role.ADMIN, OPERATOR)

    assert (await who(client, admin))[0] == 401
    tokens = await refreshed(client, admin["refresh_token"])
    assert (await who(client, tokens))[1]["roles"] == ["guest"]


async def test_a_deactivated_user_gets_nothing_until_they_are_back(
    client: aiohttp.ClientSession, accounts: Accounts
) -> None:
    guest = await log_in(client)
    async with accounts.revocations.begin() as work:
        await deactivate(work, guest["user_id"], OPERATOR)

    assert (await who(client, guest))[0] == 401
    status, body = await refresh(client, guest["refresh_token"])
    assert (status, "has been deactivated" in refusal(body)[1]) == (401, True)

    async with accounts.revocations.begin() as work:
        await reactivate(work, guest["user_id"], OPERATOR)
    tokens = await refreshed(client, guest["refresh_token"])
    assert (await who(client, tokens))[0] == 200
    assert (await who(client, guest))[0] == 401


async def expire(accounts: Accounts, refresh_token: str) -> None:
    async with accounts.database.begin() as session:
        past = text("UPDATE refresh_tokens SET expires_at = now() - interval '1 s' WHERE token_hash = :hash")
        await (await session.connection()).execute(past, {"hash": accounts.hashed(refresh_token)})
