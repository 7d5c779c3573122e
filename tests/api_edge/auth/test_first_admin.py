"""The first admin's key opens what an admin's does, until another one is given."""

import secrets
from datetime import UTC, datetime

import aiohttp
import pytest
from pydantic import SecretStr

from api_edge.auth.accounts import Accounts
from infra.store.first_admin import admin_key, ensure_first_admin

pytestmark = pytest.mark.stack


async def provisioned(accounts: Accounts) -> str:
    """A new key in the environment."""
    key = f"sk_live_{secrets.token_hex(24)}"
    async with accounts.database.begin() as session:
        await ensure_first_admin(session, admin_key(SecretStr(key), accounts.settings), datetime.now(UTC))
    return key


async def test_the_key_of_the_environment_speaks_for_an_admin(
    client: aiohttp.ClientSession, accounts: Accounts
) -> None:
    key = await provisioned(accounts)

    async with client.get("/auth/me", headers={"X-API-Key": key}) as answer:
        told = await answer.json()

    assert (answer.status, told["is_admin"], told["is_guest"]) == (200, True, False)
    assert told["auth_method"] == "api_key"


async def test_a_replaced_key_speaks_for_nobody(client: aiohttp.ClientSession, accounts: Accounts) -> None:
    last = await provisioned(accounts)
    await provisioned(accounts)

    async with client.get("/auth/me", headers={"X-API-Key": last}) as answer:
        assert answer.status == 401


async def test_a_key_is_no_session_and_its_user_no_guest(
    client: aiohttp.ClientSession, accounts: Accounts
) -> None:
    key = await provisioned(accounts)

    async with client.get("/auth/logout", headers={"X-API-Key": key}) as answer:
        assert answer.status == 200
    async with client.post(
        "/auth/upgrade", json={"email": "a@example.com"}, headers={"X-API-Key": key}
    ) as answer:
        assert answer.status == 409
    async with client.get("/auth/me", headers={"X-API-Key": key}) as answer:
        assert answer.status == 200
