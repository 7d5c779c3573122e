"""What the room needs of others; the handler is wired with it."""

from pathlib import Path
from typing import Protocol

from contracts.jobs import MediaResult, ObjectRef
from infra.store.media import Seen


class Objects(Protocol):
    """Where the bytes lie."""

    async def get_file(self, key: str, path: Path, most: int) -> int:
        """Read an object into a file; its size in bytes. Raises ApiError, ObjectMissing among others."""

    async def put_file(self, key: str, path: Path, content_type: str) -> ObjectRef:
        """Write an object from a file. Raises ApiError."""


class Fetched(Protocol):
    """What a remote server gave."""

    @property
    def content_type(self) -> str | None:
        """What it says the file is."""

    @property
    def size(self) -> int:
        """In bytes."""


class Fetcher(Protocol):
    """Gets remote files, from where it is allowed to."""

    async def fetch(self, url: str, into: Path) -> Fetched:
        """Write a remote file. Raises ApiError."""


class Inspected(Protocol):
    """What a file is."""

    @property
    def mime(self) -> str: ...
    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...


class Inspector(Protocol):
    """Looks at files."""

    async def inspect(self, path: Path, declared: str | None) -> Inspected:
        """What a file is. Raises ApiError for what is not taken in."""


class Library(Protocol):
    """What is recorded of media. Every call raises ApiError while the database is away."""

    async def settled(self, tenant: str, media_id: str) -> MediaResult | None:
        """What became of an ingest; None while it is awaited. Raises ApiError, 404, where there is none."""

    async def settle(self, tenant: str, media_id: str, seen: Seen, *, keeps_id: bool) -> MediaResult:
        """Record it: as new, or as a duplicate. Raises ApiError where it is gone, or too much."""

    async def drop(self, tenant: str, media_id: str) -> None:
        """Remove an ingest that is awaited still."""
