"""A server that a test may kill, freeze and start again, always on the same port with the same data."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import psutil

from infra.embedded.child import Child, await_ready, has_ended_within, kill_group, start_child, stop_child
from infra.embedded.home import Home
from infra.embedded.server import Server

DEATH_LIMIT = 5.0


class Mortal:
    """One server's process, or the lack of it."""

    def __init__(self, server: Server, home: Home, child: Child | None = None) -> None:
        self.server = server
        self._home = home
        self._child = child

    @property
    def pid(self) -> int:
        """Of the process that runs."""
        return self._running().pid

    async def start(self) -> None:
        """Run it, until it can be used."""
        self._child = start_child(self.server, self._home)
        await await_ready(self._child)

    async def kill(self) -> None:
        """SIGKILL for it and all its processes."""
        child = self._running()
        kill_group(child.pid)
        assert await has_ended_within(child, DEATH_LIMIT)

    async def restart(self) -> None:
        """Killed, and started again at once."""
        await self.kill()
        await self.start()

    async def stop(self) -> None:
        """In peace, if it runs."""
        if self._child is not None:
            await stop_child(self._child)
            self._child = None

    async def ended_by_itself(self, limit: float) -> bool:
        """Whether it ended before the limit passed."""
        return await has_ended_within(self._running(), limit)

    def frozen(self) -> AbstractContextManager[None]:
        """It does nothing, and keeps its connections, until the block ends."""
        return frozen(self._running().pid)

    def _running(self) -> Child:
        assert self._child is not None
        return self._child


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """SIGSTOP for a process and all its children until the block ends."""
    first = psutil.Process(pid)
    first.suspend()  # before its children are looked up: PostgreSQL's have groups of their own
    stopped = [first, *first.children(recursive=True)]
    for process in stopped:
        process.suspend()
    try:
        yield
    finally:
        for process in stopped:
            process.resume()
