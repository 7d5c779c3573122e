"""Who asks, and guests who become somebody."""

import asyncio

import aiohttp
import pytest

from api_edge.auth.accounts import Accounts
from contracts.envelope import Role
from contracts.ids import new_ulid
from infra.store.audit import OPERATOR
from infra.store.standing import grant
from tests.api_edge.auth.sessions import Json, bearer, log_in, refresh, refreshed, refusal, who

pytestmark = pytest.mark.stack

ASK = {"email": "ada@example.com", "full_name": "Ada Lovelace"}


async def upgrade(client: aiohttp.ClientSession, tokens: Json, ask: Json) -> tuple[int, Json]:
    async with client.post("/auth/upgrade", json=ask, headers=bearer(tokens)) as answer:
        return answer.status, await answer.json()


async def me(client: aiohttp.ClientSession, tokens: Json, path: str = "/auth/me") -> Json:
    async with client.get(path, headers=bearer(tokens)) as answer:
        assert answer.status == 200, await answer.text()
        told: Json = await answer.json()
        return told


@pytest.mark.parametrize("path", ["/auth/me", "/v1/users/me"])
async def test_a_guest_is_told_who_they_are(client: aiohttp.ClientSession, path: str) -> None:
    guest = await log_in(client)

    assert await me(client, guest, path) == {
        "id": guest["user_id"],
        "username": guest["username"],
        "email": None,
        "subject": guest["user_id"],
        "auth_method": "jwt",
        "name": None,
        "roles": ["guest"],
        "is_guest": True,
        "is_admin": False,
    }


async def test_validation_tells_whose_token_it_is(client: aiohttp.ClientSession) -> None:
    guest = await log_in(client)

    async with client.post("/auth/validate", headers=bearer(guest)) as answer:
        body = await answer.json()

    assert (answer.status, body["valid"], body["user_info"]) == (200, True, await me(client, guest))


async def test_validation_needs_a_good_token(client: aiohttp.ClientSession) -> None:
    for headers in ({}, {"Authorization": "Bearer eyJ.a.b"}):
        async with client.post("/auth/validate", headers=headers) as answer:
            assert answer.status == 401


async def test_an_upgraded_guest_keeps_the_id_and_gets_new_tokens(client: aiohttp.ClientSession) -> None:
    guest = await log_in(client)

    status, tokens = await upgrade(client, guest, {**ASK, "username": f"Ada-{guest['user_id']}"})

    assert (status, tokens["status"], tokens["token_type"]) == (200, "upgraded", "Bearer")
    told = await me(client, tokens)
    assert (told["id"], told["email"], told["name"]) == (guest["user_id"], ASK["email"], ASK["full_name"])
    assert (told["roles"], told["is_guest"]) == (["user"], False)
    assert told["username"] == f"ada-{guest['user_id']}".lower()
    await refreshed(client, tokens["refresh_token"])


async def test_tokens_from_before_an_upgrade_go_on(client: aiohttp.ClientSession) -> None:
    guest = await log_in(client)
    await upgrade(client, guest, ASK)

    assert (await who(client, guest))[1]["roles"] == ["guest"]
    assert (await who(client, await refreshed(client, guest["refresh_token"])))[1]["roles"] == ["user"]


async def test_a_logout_after_an_upgrade_ends_what_was_before_it(client: aiohttp.ClientSession) -> None:
    guest = await log_in(client)
    _, tokens = await upgrade(client, guest, ASK)

    async with client.get("/auth/logout", headers=bearer(tokens)) as answer:
        assert answer.status == 200

    assert (await who(client, guest))[0] == 401
    assert (await refresh(client, guest["refresh_token"]))[0] == 401
    assert (await refresh(client, tokens["refresh_token"]))[0] == 401


async def test_who_is_registered_cannot_be_upgraded_again(client: aiohttp.ClientSession) -> None:
    guest = await log_in(client)
    answers = await asyncio.gather(*(upgrade(client, guest, ASK) for _ in range(5)))

    assert sorted(status for status, _ in answers) == [200, 409, 409, 409, 409]
    assert {refusal(body)[0] for status, body in answers if status != 200} == {"conflict"}


async def test_a_name_belongs_to_one_user(client: aiohttp.ClientSession) -> None:
    first, second = await log_in(client), await log_in(client)
    name = f"ada-{new_ulid()}"
    await upgrade(client, first, {**ASK, "username": name})

    status, body = await upgrade(client, second, {**ASK, "username": name.lower()})

    assert (status, body["error"]["code"], body["error"]["param"]) == (409, "conflict", "username")
    assert (await me(client, second))["is_guest"]


async def test_other_roles_outlive_an_upgrade(client: aiohttp.ClientSession, accounts: Accounts) -> None:
    guest = await log_in(client)
    async with accounts.revocations.begin() as work:
        await grant(work, guest["user_id"], Role.ADMIN, OPERATOR)

    _, tokens = await upgrade(client, guest, ASK)

    told = await me(client, tokens)
    assert (told["roles"], told["is_admin"]) == (["user", "admin"], True)


@pytest.mark.parametrize(
    ("ask", "param"),
    [
        ({}, "email"),
        ({"email": "ada"}, "email"),
        ({"email": "ada@example"}, "email"),
        ({"email": "ada@example.com\n"}, "email"),
        ({"email": "a b@example.com"}, "email"),
        ({"email": f"{'a' * 65}@example.com"}, "email"),
        ({"email": "\0@example.com"}, "email"),
        ({**ASK, "username": "a"}, "username"),
        ({**ASK, "username": "a@b.c"}, "username"),
        ({**ASK, "username": "x" * 65}, "username"),
        ({**ASK, "username": "guest-1"}, "username"),
        ({**ASK, "username": "Admin"}, "username"),
        ({**ASK, "full_name": "A\0da"}, "full_name"),
        ({**ASK, "full_name": "x" * 257}, "full_name"),
    ],
)
async def test_what_nobody_can_be_called_is_a_400(
    client: aiohttp.ClientSession, ask: Json, param: str
) -> None:
    guest = await log_in(client)

    status, body = await upgrade(client, guest, ask)

    assert (status, body["error"]["param"]) == (400, param)
    assert (await me(client, guest))["is_guest"]
