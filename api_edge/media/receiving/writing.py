"""Writes what comes into a file, hashed on the way, without holding up the loop."""

import asyncio
import hashlib
import logging
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from contracts.errors import ApiError, ErrorCode
from infra.settings import MIB

RETRY_AFTER = 5.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Received:
    """A file that came."""

    size: int
    """In bytes."""
    sha256: str
    """In hex."""
    filename: str | None = None
    mime: str | None = None
    """What its sender says it is."""


class HashedFile:
    """A new file, written in any thread. Raises ApiError, 503, where the disk is full or away."""

    def __init__(self, path: Path) -> None:
        self.size = 0
        self._path = path
        self._file: BinaryIO | None = None
        self._is_closed = False
        self._digest = hashlib.sha256()
        self._lock = threading.Lock()  # a cancelled request's last write may still run as it is closed

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def put(self, parts: Iterable[bytes]) -> None:
        """Write parts, unless it is closed."""
        with self._lock:
            if not self._is_closed:
                self._append(parts)

    def close(self) -> str:
        """The SHA-256 of everything, in hex; nothing is written any more."""
        with self._lock:
            self._is_closed = True
            file, self._file = self._file, None
            try:
                if file is not None:
                    file.close()
            except OSError as error:
                raise no_room(error) from error
            return self._digest.hexdigest()

    def _append(self, parts: Iterable[bytes]) -> None:
        try:
            if self._file is None:
                self._file = self._path.open("wb")
            for part in parts:
                self._file.write(part)
                self._digest.update(part)
                self.size += len(part)
        except OSError as error:
            raise no_room(error) from error


class FileWriter:
    """Gathers a mebibyte at a time."""

    def __init__(self, path: Path) -> None:
        self._file = HashedFile(path)
        self._parts: list[bytes] = []
        self._gathered = 0

    @property
    def size(self) -> int:
        """Bytes written."""
        return self._file.size

    async def write(self, piece: bytes) -> None:
        """Take a piece."""
        self._parts.append(piece)
        self._gathered += len(piece)
        if self._gathered >= MIB:
            parts, self._parts, self._gathered = self._parts, [], 0
            await asyncio.to_thread(self._file.put, parts)

    async def finish(self) -> str:
        """Write the rest; the SHA-256 of everything, in hex."""
        await asyncio.to_thread(self._file.put, self._parts)
        return await self.close()

    async def close(self) -> str:
        """Leave it as it is, whole or not. A second time does no harm."""
        return await asyncio.to_thread(self._file.close)


def no_room(error: OSError) -> ApiError:
    """What a client is told when its file cannot be kept here."""
    log.error("spool_failed", extra={"error": str(error)})
    message = "The file cannot be received here for now; try again"
    return ApiError(ErrorCode.OVERLOADED, message, retry_after=RETRY_AFTER)
