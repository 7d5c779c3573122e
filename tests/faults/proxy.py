"""A TCP proxy that hurts what passes through it: slow, silent, cut, reset or refused, as its test says.

async with open_proxy(target) as proxy:       # clients use proxy.port
    proxy.faults = Faults(latency=0.2)        # from now on, for the connections that are open, too
    proxy.black_hole(); ...; proxy.heal()     # nothing passes; then everything that waited does
    proxy.reset()                             # RST for every connection, on both sides
    await proxy.down(); ...; await proxy.up() # refuses connections
"""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

HOST = "127.0.0.1"
MOST_AT_ONCE = 64 * 1024
RESET_ON_CLOSE = struct.pack("ii", 1, 0)
"""SO_LINGER of zero seconds: closing sends RST in place of FIN."""


@dataclass(frozen=True)
class Faults:
    """What happens to bytes on their way."""

    latency: float = 0.0
    """Seconds that each piece waits, in either direction."""
    rate: float | None = None
    """Bytes per second of a connection, in either direction."""
    cut_after: int | None = None
    """A connection is reset when the server has sent so many bytes by it."""
    close_delay: float = 0.0
    """Seconds from the end of one side to the end that the other side sees."""


class Proxy:
    """One port in front of one server. Opened by `open_proxy`."""

    def __init__(self, target: int, port: int = 0) -> None:
        self.faults = Faults()
        self.port = port
        """Where clients connect."""
        self.accepted = 0
        """Connections so far."""
        self._target = target
        self._server: asyncio.Server | None = None
        self._links: set[_Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._passing = asyncio.Event()
        self._passing.set()

    @property
    def open_connections(self) -> int:
        """How many clients are connected now."""
        return len(self._links)

    async def up(self) -> None:
        """Accept connections, always on the same port."""
        self._server = await asyncio.start_server(self._on_client, HOST, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def down(self) -> None:
        """Refuse connections, and reset those that are open."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.reset()
        await asyncio.gather(*self._tasks)

    def reset(self) -> None:
        """RST for all that is connected."""
        for link in list(self._links):
            link.reset()

    def black_hole(self) -> None:
        """Take connections and bytes, and pass nothing on."""
        self._passing.clear()

    def heal(self) -> None:
        """No more faults; what waited goes on."""
        self.faults = Faults()
        self._passing.set()

    async def passing(self) -> None:
        """Wait while there is a black hole."""
        await self._passing.wait()

    async def _on_client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        link = _Link(self, writer)
        self._links.add(link)
        try:
            await link.run(reader, self._target)
        finally:
            self._links.discard(link)
            self._tasks.discard(task)


class _Link:
    """One client's connection and the server's behind it."""

    def __init__(self, proxy: Proxy, client: asyncio.StreamWriter) -> None:
        self._proxy = proxy
        self._writers = [client]
        self._received = 0
        self._ended = asyncio.Event()

    async def run(self, from_client: asyncio.StreamReader, target: int) -> None:
        """Until both directions have ended, or the link is reset."""
        ending = asyncio.ensure_future(self._ended.wait())
        passing = asyncio.ensure_future(self._pass_all(from_client, target))
        try:
            await asyncio.wait([ending, passing], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (ending, passing):
                task.cancel()
            await asyncio.gather(ending, passing, return_exceptions=True)
            for writer in self._writers:
                writer.close()

    def reset(self) -> None:
        """RST to both sides."""
        self._ended.set()
        for writer in self._writers:
            sock: socket.socket | None = writer.get_extra_info("socket")
            if sock is not None and not writer.transport.is_closing():
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            writer.transport.abort()

    async def _pass_all(self, from_client: asyncio.StreamReader, target: int) -> None:
        try:
            await self._proxy.passing()
            from_server, to_server = await asyncio.open_connection(HOST, target)
        except OSError:
            self.reset()
            return
        self._writers.append(to_server)
        await asyncio.gather(
            self._pass(from_client, to_server, is_answer=False),
            self._pass(from_server, self._writers[0], is_answer=True),
        )

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_answer: bool
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(MOST_AT_ONCE):
                await self._delay(len(data))
                if is_answer and self._is_cut(data, writer):
                    return
                writer.write(data)
                await writer.drain()
            await asyncio.sleep(self._proxy.faults.close_delay)
            await self._proxy.passing()
            writer.write_eof()
            return
        self.reset()  # one side is gone: the other learns it

    async def _delay(self, size: int) -> None:
        faults = self._proxy.faults
        pause = faults.latency + (size / faults.rate if faults.rate else 0.0)
        if pause:
            await asyncio.sleep(pause)
        await self._proxy.passing()

    def _is_cut(self, data: bytes, writer: asyncio.StreamWriter) -> bool:
        most = self._proxy.faults.cut_after
        if most is not None and self._received + len(data) > most:
            writer.write(data[: max(most - self._received, 0)])
            self.reset()
            return True
        self._received += len(data)
        return False


@asynccontextmanager
async def open_proxy(target: int, port: int = 0) -> AsyncIterator[Proxy]:
    """A proxy in front of a port of this machine, until the block ends."""
    proxy = Proxy(target, port)
    await proxy.up()
    try:
        yield proxy
    finally:
        proxy.heal()
        await proxy.down()
