"""Logout, revocation, and the cookie in which a browser keeps its refresh token."""

import asyncio
from http.cookies import Morsel, SimpleCookie

import aiohttp
import pytest

from api_edge.auth.accounts import Accounts
from contracts.ids import new_ulid
from infra.store.users import user_of
from tests.api_edge.auth.sessions import Json, bearer, log_in, refresh, refreshed, refusal, who

pytestmark = pytest.mark.stack


async def is_over(client: aiohttp.ClientSession, tokens: Json) -> bool:
    """Whether neither token of a session is good any more."""
    access, _ = await who(client, tokens)
    status, body = await refresh(client, tokens["refresh_token"])
    return (access, status, refusal(body)[1]) == (401, 401, "The refresh token has been revoked")


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_logout_by_the_access_token_ends_its_session(
    client: aiohttp.ClientSession, method: str
) -> None:
    guest = await log_in(client)

    async with client.request(method, "/auth/logout", headers=bearer(guest)) as answer:
        body = await answer.json()

    assert (answer.status, body) == (200, {"status": "logged out"})
    assert await is_over(client, guest)


async def test_a_logout_by_the_refresh_token_ends_its_session(client: aiohttp.ClientSession) -> None:
    guest = await log_in(client)

    async with client.post("/auth/logout", json={"refresh_token": guest["refresh_token"]}) as answer:
        assert answer.status == 200

    assert await is_over(client, guest)


async def test_a_logout_leaves_the_users_other_sessions_alone(
    client: aiohttp.ClientSession, accounts: Accounts
) -> None:
    guest = await log_in(client)
    async with accounts.database.begin() as session:
        user = await user_of(session, guest["user_id"])
    assert user is not None
    other = (await accounts.open_session(user)).model_dump()

    async with client.get("/auth/logout", headers=bearer(guest)) as answer:
        assert answer.status == 200

    assert (await who(client, other))[0] == 200
    await refreshed(client, other["refresh_token"])


async def test_a_logout_without_anything_answers_200(client: aiohttp.ClientSession) -> None:
    for method in ("GET", "POST"):
        async with client.request(method, "/auth/logout") as answer:
            assert (answer.status, await answer.json()) == (200, {"status": "logged out"})


async def test_a_logout_that_ends_nothing_says_so(client: aiohttp.ClientSession) -> None:
    async with client.get("/auth/logout", headers={"Authorization": "Bearer eyJ.a.b"}) as answer:
        assert answer.status == 401


async def test_a_logout_by_refresh_token_needs_no_good_access_token(client: aiohttp.ClientSession) -> None:
    guest = await log_in(client)

    async with client.post(
        "/auth/logout",
        json={"refresh_token": guest["refresh_token"]},
        headers={"Authorization": "Bearer eyJ.a.b"},
    ) as answer:
        assert answer.status == 200

    assert await is_over(client, guest)


async def test_a_logout_and_a_refresh_at_once_leave_no_good_token(client: aiohttp.ClientSession) -> None:
    for _ in range(10):
        guest = await log_in(client)

        (status, tokens), _ = await asyncio.gather(
            refresh(client, guest["refresh_token"]), client.get("/auth/logout", headers=bearer(guest))
        )

        if status == 200:
            assert await is_over(client, tokens)
        else:
            assert (await who(client, guest))[0] == 401


async def test_a_revoked_token_ends_its_session(client: aiohttp.ClientSession) -> None:
    guest = await log_in(client)

    async with client.post("/auth/revoke", json={"refresh_token": guest["refresh_token"]}) as answer:
        assert (answer.status, await answer.json()) == (200, {"message": "The refresh token is revoked"})

    assert await is_over(client, guest)


async def test_a_used_token_is_revoked_with_all_that_came_of_it(client: aiohttp.ClientSession) -> None:
    guest = await log_in(client)
    tokens = await refreshed(client, guest["refresh_token"])

    async with client.post("/auth/revoke", json={"refresh_token": guest["refresh_token"]}) as answer:
        assert answer.status == 200

    assert await is_over(client, tokens)


async def test_an_unknown_token_is_as_good_as_revoked(client: aiohttp.ClientSession) -> None:
    async with client.post("/auth/revoke", json={"refresh_token": f"rt_{new_ulid()}"}) as answer:
        assert answer.status == 200


@pytest.mark.parametrize("body", [{}, {"refresh_token": "eyJ.a.b"}], ids=["missing", "an access token"])
async def test_what_cannot_be_revoked_is_a_400(client: aiohttp.ClientSession, body: Json) -> None:
    async with client.post("/auth/revoke", json=body) as answer:
        error = (await answer.json())["error"]

    assert (answer.status, error["param"]) == (400, "refresh_token")


async def test_who_comes_with_the_cookie_gets_the_next_one(client: aiohttp.ClientSession) -> None:
    guest = await log_in(client)

    answer = await with_cookie(client, "/auth/refresh-token", guest["refresh_token"])

    tokens = await answer.json()
    cookies = set_cookies(answer)
    assert answer.status == 200
    assert {cookie["path"] for cookie in cookies} == {"/auth", "/llm/auth"}
    for cookie in cookies:
        assert cookie.value == tokens["refresh_token"] != guest["refresh_token"]
        assert cookie["httponly"]
        assert cookie["secure"]
        assert (cookie["samesite"].lower(), cookie["max-age"]) == ("lax", "2592000")


async def test_the_token_of_the_body_counts_before_that_of_the_cookie(client: aiohttp.ClientSession) -> None:
    in_body, in_cookie = await log_in(client), await log_in(client)

    answer = await with_cookie(
        client, "/auth/refresh-token", in_cookie["refresh_token"], {"refresh_token": in_body["refresh_token"]}
    )

    caller = await user_behind(client, await answer.json())
    assert caller == in_body["user_id"]
    assert (await refresh(client, in_cookie["refresh_token"]))[0] == 200


async def test_a_logout_by_cookie_ends_the_session_and_clears_it(client: aiohttp.ClientSession) -> None:
    guest = await log_in(client)

    answer = await with_cookie(client, "/auth/logout", guest["refresh_token"])

    assert {(cookie["path"], cookie.value, cookie["max-age"]) for cookie in set_cookies(answer)} == {
        ("/auth", "", "0"),
        ("/llm/auth", "", "0"),
    }
    assert await is_over(client, guest)


async def with_cookie(
    client: aiohttp.ClientSession, path: str, token: str, body: Json | None = None
) -> aiohttp.ClientResponse:
    async with client.post(path, json=body, headers={"Cookie": f"refresh_token={token}"}) as answer:
        await answer.read()
    client.cookie_jar.clear()
    return answer


def set_cookies(answer: aiohttp.ClientResponse) -> list[Morsel[str]]:
    given = answer.headers.getall("Set-Cookie")
    return [SimpleCookie(one)["refresh_token"] for one in given]


async def user_behind(client: aiohttp.ClientSession, tokens: Json) -> str:
    user_id: str = (await who(client, tokens))[1]["user_id"]
    return user_id
