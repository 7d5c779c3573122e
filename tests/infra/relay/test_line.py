"""The line of scripts, before a server that does not work yet."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from infra.relay.line import HOLD_SCRIPT, open_line
from infra.relay.redis import RelayDown
from infra.settings import RedisSettings

LOADING = b"-LOADING Valkey is loading the dataset in memory\r\n"
PLACES = 3


class LoadingServer:
    """Takes connections and greetings, and refuses scripts until it has loaded its data."""

    def __init__(self) -> None:
        self.is_loading = True
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while command := await self._command(reader):
                writer.write(self._answer(command))
        finally:
            writer.close()

    def _answer(self, command: list[bytes]) -> bytes:
        if command[0] not in {b"SCRIPT", b"EVALSHA"}:
            return b"+OK\r\n"
        return LOADING if self.is_loading else b"+done\r\n"

    async def _command(self, reader: asyncio.StreamReader) -> list[bytes]:
        head = await reader.readline()
        words = []
        for _ in range(int(head[1:] or 0)):
            size = int((await reader.readline())[1:])
            words.append((await reader.readexactly(size + 2))[:size])
        return words


@pytest.fixture
async def server() -> AsyncIterator[LoadingServer]:
    loading = LoadingServer()
    async with await asyncio.start_server(loading.serve, "127.0.0.1", 0) as listening:
        loading.port = listening.sockets[0].getsockname()[1]
        yield loading


async def test_a_server_that_loads_its_data_costs_no_places_of_the_pool(server: LoadingServer) -> None:
    url = SecretStr(f"redis://127.0.0.1:{server.port}/0")
    settings = RedisSettings(url=url, max_connections=PLACES, timeout=2)

    async with open_line(settings) as line:
        for _ in range(3 * PLACES):
            with pytest.raises(RelayDown, match="loading"):
                await line.call(HOLD_SCRIPT, ["key"], [])
        server.is_loading = False

        assert await line.call(HOLD_SCRIPT, ["key"], []) == b"done"
