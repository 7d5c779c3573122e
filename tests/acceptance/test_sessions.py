"""Sessions on two edges: what one ends, the other refuses within a second."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest
import pytest_asyncio

from infra.embedded.child import stop_child
from tests.acceptance.asking import Json
from tests.acceptance.waiting import LIMIT, until
from tests.product import Product

SOON = 3.0
"""Seconds in which every edge has to know: the promised one, and two for a busy machine. An edge that was
told nothing would find out after half a minute."""

End = Callable[[aiohttp.ClientSession, Json], Awaitable[None]]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def other_url(product: Product) -> AsyncIterator[str]:
    """A second edge."""
    url = await product.add_edge()
    edge = product.edges[-1]
    yield url
    product.edges.remove(edge)
    product.urls.remove(url)
    await stop_child(edge)


@pytest.fixture
async def here(product: Product) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of the edge where things are ended."""
    async with client_of(product.url) as client:
        yield client


@pytest.fixture
async def there(other_url: str) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of the other edge."""
    async with client_of(other_url) as client:
        yield client


def client_of(url: str) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(url, timeout=aiohttp.ClientTimeout(total=LIMIT))


def bearer(tokens: Json) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens['access_token']}"}


async def log_in(client: aiohttp.ClientSession, prefix: str = "") -> Json:
    async with client.post(f"{prefix}/auth/guest-login") as answer:
        assert answer.status == 201
        tokens: Json = await answer.json()
        return tokens


async def refresh(client: aiohttp.ClientSession, token: str, prefix: str = "") -> tuple[int, Json]:
    async with client.post(f"{prefix}/auth/refresh-token", json={"refresh_token": token}) as answer:
        return answer.status, await answer.json()


async def status_of(client: aiohttp.ClientSession, tokens: Json) -> int:
    async with client.get("/v1/models", headers=bearer(tokens)) as answer:
        return answer.status


async def log_out(client: aiohttp.ClientSession, tokens: Json) -> None:
    async with client.get("/auth/logout", headers=bearer(tokens)) as answer:
        assert (answer.status, await answer.json()) == (200, {"status": "logged out"})


async def revoke(client: aiohttp.ClientSession, tokens: Json) -> None:
    async with client.post("/auth/revoke", json={"refresh_token": tokens["refresh_token"]}) as answer:
        assert answer.status == 200


async def reuse(client: aiohttp.ClientSession, tokens: Json) -> None:
    assert (await refresh(client, tokens["refresh_token"]))[0] == 200
    assert (await refresh(client, tokens["refresh_token"]))[0] == 401


@pytest.mark.parametrize("end", [log_out, revoke, reuse])
async def test_what_ends_a_session_is_felt_on_the_other_edge_within_a_second(
    here: aiohttp.ClientSession, there: aiohttp.ClientSession, end: End
) -> None:
    tokens, bystander = await log_in(here), await log_in(here)
    assert await status_of(there, tokens) == 200  # from now on the other edge knows the token

    await end(here, tokens)

    async def is_refused() -> bool:
        return await status_of(there, tokens) == 401

    await until(is_refused, SOON)
    assert await status_of(here, tokens) == 401
    assert (await refresh(there, tokens["refresh_token"]))[0] == 401
    assert await status_of(there, bystander) == 200


async def test_of_two_uses_on_two_edges_one_wins_and_then_neither(
    here: aiohttp.ClientSession, there: aiohttp.ClientSession
) -> None:
    tokens = await log_in(here)

    answers = await asyncio.gather(
        refresh(here, tokens["refresh_token"]), refresh(there, tokens["refresh_token"])
    )

    assert sorted(status for status, _ in answers) == [200, 401]
    (won,) = (body for status, body in answers if status == 200)
    assert (await refresh(here, won["refresh_token"]))[0] == 401


async def test_a_session_goes_on_at_any_edge_and_by_the_alias(
    here: aiohttp.ClientSession, there: aiohttp.ClientSession
) -> None:
    tokens = await log_in(here, "/llm")

    for client in (there, here, there):
        status, tokens = await refresh(client, tokens["refresh_token"], "/llm")
        assert status == 200

    assert await status_of(here, tokens) == 200


async def test_a_browsers_cookie_serves_both_paths_and_is_cleared_by_a_logout(product: Product) -> None:
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(product.url, cookie_jar=jar) as browser:
        tokens = await log_in(browser)
        assert not list(jar)

        first = {"Cookie": f"refresh_token={tokens['refresh_token']}"}
        async with browser.post("/auth/refresh-token", headers=first) as answer:
            assert answer.status == 200
        for path in ("/llm/auth/refresh-token", "/auth/refresh-token", "/llm/auth/refresh-token"):
            async with browser.post(path) as answer:
                assert answer.status == 200, await answer.text()
                tokens = await answer.json()
        async with browser.get("/llm/auth/logout") as answer:
            assert answer.status == 200

        assert not list(jar)
        assert await status_of(browser, tokens) == 401


async def test_an_upgraded_guest_keeps_the_id_on_every_edge(
    here: aiohttp.ClientSession, there: aiohttp.ClientSession
) -> None:
    guest = await log_in(here)
    body = {"email": "ada@example.com", "full_name": "Ada Lovelace"}

    async with here.post("/auth/upgrade", json=body, headers=bearer(guest)) as answer:
        tokens = await answer.json()

    assert (answer.status, tokens["status"]) == (200, "upgraded")
    async with there.get("/v1/users/me", headers=bearer(tokens)) as answer:
        told = await answer.json()
    assert (told["id"], told["roles"], told["is_guest"]) == (guest["user_id"], ["user"], False)


async def test_settings_are_kept_for_every_edge(
    here: aiohttp.ClientSession, there: aiohttp.ClientSession
) -> None:
    tokens = await log_in(here)

    for client, patch in ((here, {"a": {"b": 1}}), (there, {"a": {"c": 2}})):
        async with client.patch("/v1/users/me/settings", json=patch, headers=bearer(tokens)) as answer:
            assert answer.status == 200

    async with here.get("/v1/users/me/settings", headers=bearer(tokens)) as answer:
        assert await answer.json() == {"a": {"b": 1, "c": 2}}
