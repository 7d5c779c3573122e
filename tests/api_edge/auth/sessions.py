"""A client's side of sessions, as the tests of this room use it."""

from typing import Any

import aiohttp

Json = dict[str, Any]  # an answer


async def log_in(client: aiohttp.ClientSession) -> Json:
    """A new guest."""
    async with client.post("/auth/guest-login") as answer:
        assert answer.status == 201, await answer.text()
        guest: Json = await answer.json()
        return guest


async def refresh(client: aiohttp.ClientSession, token: str) -> tuple[int, Json]:
    """The status and the body of a refresh."""
    async with client.post("/auth/refresh-token", json={"refresh_token": token}) as answer:
        return answer.status, await answer.json()


async def refreshed(client: aiohttp.ClientSession, token: str) -> Json:
    """The next tokens."""
    status, body = await refresh(client, token)
    assert status == 200, body
    return body


def bearer(tokens: Json) -> dict[str, str]:
    """The header of an access token."""
    return {"Authorization": f"Bearer {tokens['access_token']}"}


async def who(client: aiohttp.ClientSession, tokens: Json) -> tuple[int, Json]:
    """The status and the body of a guarded route, asked with an access token."""
    async with client.get("/v1/who", headers=bearer(tokens)) as answer:
        return answer.status, await answer.json()


def refusal(body: Json) -> tuple[str, str]:
    """The code of an error, and its sentence."""
    return body["error"]["code"], body["error"]["message"]
