"""Files on their way: each in a folder of its own that is gone when its request is."""

import asyncio
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from api_edge.media.receiving.writing import RETRY_AFTER, no_room
from contracts.errors import ApiError, ErrorCode

PREFIX = "jan-upload-"
STALE_SECONDS = 86_400.0


class Spool:
    """A place for so many files at once."""

    def __init__(self, folder: Path | None, most: int) -> None:
        """`folder`: None is the system's own for temporary files."""
        self._folder = Path(tempfile.gettempdir()) if folder is None else folder
        self._free = most

    @asynccontextmanager
    async def file(self) -> AsyncIterator[Path]:
        """A path for a file, until the block ends. Raises ApiError, 503, when too many are here."""
        if not self._free:
            message = "Too many files are being received here; try again"
            raise ApiError(ErrorCode.OVERLOADED, message, retry_after=RETRY_AFTER)
        self._free -= 1
        try:
            place = await self._made()
            try:
                yield place / "file"
            finally:
                await asyncio.shield(asyncio.to_thread(shutil.rmtree, place, ignore_errors=True))
        finally:
            self._free += 1

    def clear(self) -> None:
        """Remove what processes left that were killed a day ago; make the folder if it isn't there."""
        self._folder.mkdir(parents=True, exist_ok=True)
        before = time.time() - STALE_SECONDS
        for place in self._folder.glob(f"{PREFIX}*"):
            with suppress(FileNotFoundError):  # another process clears as well
                if place.lstat().st_mtime < before:
                    shutil.rmtree(place, ignore_errors=True)

    async def _made(self) -> Path:
        try:
            return Path(await asyncio.to_thread(tempfile.mkdtemp, prefix=PREFIX, dir=self._folder))
        except OSError as error:
            raise no_room(error) from error
