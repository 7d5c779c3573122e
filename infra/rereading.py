"""What stands in the database and is kept in memory: read again when somebody tells that it was changed."""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Generic, TypeVar

from contracts.errors import ApiError
from infra.notices import Notice, Notices, followed

LOOK_AGAIN_SECONDS = 1.0
"""What is not known makes it be read again, at most this often."""

ValueT = TypeVar("ValueT")
KeptT = TypeVar("KeptT", bound="Kept[Any]")  # of whatever value

log = logging.getLogger(__name__)


class Kept(ABC, Generic[ValueT]):
    """A value as this process knows it. Opened by `kept`."""

    changed: str
    """The field of a notice that says that it was changed."""

    def __init__(self, first: ValueT) -> None:
        """`first`: what it is until it was read."""
        self.current = first
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()
        self._changed = asyncio.Event()

    @abstractmethod
    async def read(self) -> ValueT:
        """As it stands in the database. Raises ApiError."""

    async def fresh(self) -> ValueT:
        """The value, looked at again where that was not done a moment ago."""
        async with self._reading:
            if asyncio.get_running_loop().time() - self._read_at >= LOOK_AGAIN_SECONDS:
                await self._try_reload()
        return self.current

    def heed(self, notice: Notice) -> None:
        """Somebody changed something."""
        if self.changed in notice:
            self._changed.set()

    async def reload(self) -> None:
        """Read it now. Raises ApiError."""
        self.current = await self.read()
        self._read_at = asyncio.get_running_loop().time()

    async def keep(self) -> None:
        """Until cancelled: read it again whenever it was changed."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            await self._try_reload()

    async def _try_reload(self) -> None:
        try:
            await self.reload()
        except ApiError as error:
            log.warning("not_read_again", extra={"what": self.changed, "error": str(error)})


@asynccontextmanager
async def kept(notices: Notices, value: KeptT) -> AsyncIterator[KeptT]:
    """It is as in the database until the block ends. Raises ApiError."""
    async with followed(notices, value.heed, value.reload):
        keeping = asyncio.create_task(value.keep())
        try:
            yield value
        finally:
            keeping.cancel()
            with suppress(asyncio.CancelledError):
                await keeping
