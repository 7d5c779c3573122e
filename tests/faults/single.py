"""One request to a stack whose servers fail, and what it was told."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp

from tests.acceptance.asking import CHAT, Json, error_in
from tests.faults.crowd import LIMIT
from tests.faults.own_stack import LATE, OwnStack

HELLO: Json = {"model": LATE, "messages": [{"role": "user", "content": "hi"}]}


@dataclass(frozen=True)
class Told:
    """An answer, and how long it took."""

    request: str
    status: int
    headers: Mapping[str, str]
    body: Json
    seconds: float

    def is_refusal(self) -> bool:
        """Whether it is 503 because a dependency is down, with all that belongs to that. False for 200.

        Raises AssertionError for anything else.
        """
        if self.status == 200:
            return False
        assert self.status == 503, self
        assert error_in(self.body)["code"] == "dependency_down", self
        assert int(self.headers["Retry-After"]) > 0
        return True


async def ask(
    own: OwnStack, method: str = "POST", path: str = CHAT, headers: Mapping[str, str] | None = None
) -> Told:
    """A chat that is not streamed, if nothing else is asked for."""
    began = time.monotonic()
    async with (
        aiohttp.ClientSession(
            own.product.url,
            headers={"Authorization": f"Bearer {own.token}"},
            timeout=aiohttp.ClientTimeout(total=LIMIT),
        ) as api,
        api.request(method, path, json=HELLO if path == CHAT else None, headers=headers) as answer,
    ):
        body: Json = await answer.json()
        return Told(f"{method} {path}", answer.status, dict(answer.headers), body, time.monotonic() - began)


async def is_served(own: OwnStack) -> bool:
    """Whether a chat is answered."""
    return not (await ask(own)).is_refusal()
