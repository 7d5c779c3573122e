"""Remote servers and names for the tests of fetching."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from tests.infra.outgoing.remote import Remote, open_remote

NAME = "pictures.example"

Meaning = Callable[..., list[str]]


@pytest.fixture
async def remote() -> AsyncIterator[Remote]:
    async with open_remote() as opened:
        yield opened


@pytest.fixture
def meaning(monkeypatch: pytest.MonkeyPatch) -> Meaning:
    """Let `pictures.example` mean these addresses, one list after the other, and no other name anything.

    Gives the names that were asked for.
    """

    def means(*answers: list[str]) -> list[str]:
        left, asked = list(answers), list[str]()

        async def resolve(_: Any, host: str, port: int, **__: Any) -> Any:  # as the loop's own
            asked.append(host)
            if host != NAME or not left:
                raise socket.gaierror(socket.EAI_NONAME, "unknown")
            kinds = {True: socket.AF_INET6, False: socket.AF_INET}
            return [(kinds[":" in one], socket.SOCK_STREAM, 6, "", (one, port)) for one in left.pop(0)]

        monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", resolve)
        return asked

    return means


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The addresses that anybody tries to connect to, wherever they are; nobody gets there."""
    tried: list[Any] = []

    async def connect(_: Any, __: socket.socket, address: Any) -> None:
        tried.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(asyncio.SelectorEventLoop, "sock_connect", connect)
    return tried
