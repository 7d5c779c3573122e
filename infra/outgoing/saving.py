"""Writes a file that comes in pieces, a mebibyte at a time and away from the loop; whole, or not at all."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO

from infra.settings import MIB


class NotSaved(OSError):
    """The disk here failed, not the other server."""


class Saving:
    """A file that is being written."""

    def __init__(self, file: BinaryIO) -> None:
        self.size = 0
        """Bytes that were taken."""
        self._file = file
        self._gathered = bytearray()

    async def write(self, piece: bytes) -> None:
        """Take a piece. Raises NotSaved."""
        self._gathered += piece
        self.size += len(piece)
        if len(self._gathered) >= MIB:
            await self.flush()

    async def flush(self) -> None:
        """Write what was gathered. Raises NotSaved."""
        gathered, self._gathered = self._gathered, bytearray()
        await _done(lambda: self._file.write(gathered))


@asynccontextmanager
async def saving(path: Path) -> AsyncIterator[Saving]:
    """A file that is there after the block; when the block fails, nothing is. Raises NotSaved."""
    try:
        file: list[BinaryIO] = []
        try:
            await _done(lambda: file.append(path.open("wb")))
            opened = Saving(file[0])
            yield opened
            await opened.flush()
        finally:
            if file:
                await _done(file[0].close)
    except BaseException:
        await _done(lambda: path.unlink(missing_ok=True))
        raise


async def _done(act: Callable[[], object]) -> None:
    """Do something in a thread and stay until it is done, cancelled or not: the next act builds on it."""
    acting = asyncio.ensure_future(asyncio.to_thread(act))
    try:
        await asyncio.shield(acting)
    except asyncio.CancelledError:
        await asyncio.wait([acting])
        acting.exception()  # that it was cancelled counts, not how the act ended
        raise
    except OSError as error:
        raise NotSaved(error.errno, "The file cannot be written here") from error
