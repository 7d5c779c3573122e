"""What a server does that ends a conversation with it: it sends too much, or what makes no sense."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

ValueT = TypeVar("ValueT")


class RemoteTrouble(Exception):
    """The server did not do its part; the message says how, without its name and without any secret."""

    is_its_fault = True
    """Whether it counts against the server."""


class Watch:
    """One conversation. Transports tell it what is wrong; whoever waits for an answer learns it at once."""

    def __init__(self, most: int) -> None:
        """`most`: bytes that one answer may have, everything that is sent on the way included."""
        self.most = most
        self.has_cancelled = asyncio.Event()
        """The server was told that a call is cancelled."""
        self._wrong: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def tell(self, wrong: str) -> None:
        """Something is wrong; what was told first counts."""
        if not self._wrong.done():
            self._wrong.set_result(wrong)

    def too_much(self) -> None:
        """The server sends more than it may."""
        self.tell(f"it sent more than {self.most:,} bytes")

    def check(self) -> None:
        """Raises RemoteTrouble where something is wrong."""
        if self._wrong.done():
            raise RemoteTrouble(self._wrong.result())

    @property
    def is_over(self) -> bool:
        """Whether something is wrong."""
        return self._wrong.done()

    async def over(self) -> None:
        """Until something is wrong."""
        await asyncio.wait([self._wrong])

    async def during(self, work: Coroutine[Any, Any, ValueT]) -> ValueT:
        """What the work brings. Raises RemoteTrouble as soon as something is wrong, and ends the work."""
        task = asyncio.ensure_future(work)
        first: set[asyncio.Future[Any]] = {task, self._wrong}
        try:
            await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
            self.check()
            return await task
        finally:
            if not task.done():
                task.cancel()
            await asyncio.gather(task, return_exceptions=True)
