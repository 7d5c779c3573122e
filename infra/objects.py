"""The object store: any S3, through MinIO's client, which blocks and so has threads of its own."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from minio import Minio
from minio.deleteobjects import DeleteObject
from minio.error import MinioException, S3Error
from urllib3 import PoolManager, Retry, Timeout
from urllib3.exceptions import HTTPError

from contracts.errors import ApiError, ErrorCode
from contracts.jobs import ObjectRef
from infra.settings import MIB, ObjectSettings

THREADS = 16
"""Calls at once; more wait for a thread. Each has a pooled connection."""
RETRIES = 2
"""Every call here may be repeated: a put writes the same bytes under the same key."""
RETRIED_STATUSES = (500, 502, 503, 504)
BACKOFF = 0.1
MAX_OBJECT = 64 * MIB
"""Bytes of an object that is held in memory, and written by one request."""
PART = 5 * MIB
"""Bytes of a file that are held in memory, and written by one request: the least that S3 takes."""
STRETCH = MIB
"""Bytes of an object that are read by one request, where it is read piece by piece."""
PIECE = 256 * 1024
"""Bytes of an object that its reader gets at once."""
MOST_DELETED = 1_000
"""Keys in one request: the most that S3 takes."""
RETRY_AFTER = 2.0
MISSING = frozenset({"NoSuchKey", "NoSuchObject"})
ALREADY_THERE = frozenset({"BucketAlreadyOwnedByYou", "BucketAlreadyExists"})

T = TypeVar("T")


class ObjectError(ApiError):
    """The store did not do what it was asked for; the cause says why."""

    def __init__(self, message: str, code: ErrorCode = ErrorCode.DEPENDENCY_DOWN) -> None:
        is_outage = code is ErrorCode.DEPENDENCY_DOWN
        super().__init__(code, message, retry_after=RETRY_AFTER if is_outage else None)


class ObjectMissing(ObjectError):
    """No object has this key."""

    def __init__(self) -> None:
        super().__init__("The object does not exist", ErrorCode.NOT_FOUND)


class ObjectTooLarge(ObjectError):
    """More than is held in memory at once, or than its reader takes."""

    def __init__(self, most: int = MAX_OBJECT) -> None:
        super().__init__(f"The object is larger than {most:,} bytes", ErrorCode.BODY_TOO_LARGE)


@dataclass(frozen=True)
class ObjectStat:
    """What the store says of an object; its size in bytes."""

    size: int
    content_type: str
    modified: datetime


@dataclass(frozen=True)
class ObjectEntry:
    """An object in a list of them; its size in bytes."""

    key: str
    size: int
    modified: datetime


class ObjectStore:
    """One bucket. A key names its tenant; who calls sees to that."""

    def __init__(self, client: Minio, threads: ThreadPoolExecutor, settings: ObjectSettings) -> None:
        self._client = client
        self._threads = threads
        self._bucket = settings.bucket
        self._limit = settings.timeout * (RETRIES + 2)

    async def put(self, key: str, data: bytes, content_type: str) -> ObjectRef:
        """Write an object, over what was there."""
        if len(data) > MAX_OBJECT:
            raise ObjectTooLarge
        await self._run(lambda: self._write(key, data, content_type))
        return ObjectRef(bucket=self._bucket, key=key, size=len(data))

    async def get(self, key: str) -> bytes:
        """Read an object. Raises ObjectMissing."""
        return await self._run(lambda: self._read(key))

    async def put_file(self, key: str, path: Path, content_type: str) -> ObjectRef:
        """Write an object from a file, a part in memory at a time, over what was there."""
        size = await asyncio.to_thread(lambda: path.stat().st_size)
        await self._run(lambda: self._write_file(key, path, size, content_type), _parts(size))
        return ObjectRef(bucket=self._bucket, key=key, size=size)

    async def get_file(self, key: str, path: Path, most: int) -> int:
        """Read an object of at most so many bytes into a file; its size. Raises ObjectMissing or
        ObjectTooLarge."""
        return await self._run(lambda: self._read_file(key, path, most), _parts(most))

    async def read(self, key: str, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        """An object's bytes from `start` on, piece by piece; all `length` are there. Raises ObjectMissing.

        Between two pieces neither a thread nor a connection is held: a slow reader costs a stretch of memory.
        """
        end = (await self.stat(key)).size if length is None else start + length
        while start < end:
            stretch = await self._run(partial(self._read_stretch, key, start, min(STRETCH, end - start)))
            if not stretch:
                raise ObjectError("The object is shorter than it was")
            start += len(stretch)
            for at in range(0, len(stretch), PIECE):
                yield stretch[at : at + PIECE]

    async def stat(self, key: str) -> ObjectStat:
        """What the store says of an object. Raises ObjectMissing."""
        return await self._run(lambda: self._stat(key))

    async def keys(self, prefix: str, after: str = "", most: int = 1_000) -> list[ObjectEntry]:
        """Objects below a prefix, behind one of them.

        In the order of their keys where these have no further slash. Else in the store's order, by which its
        pages follow each other: SeaweedFS goes folder by folder, so that `a/1` is before `a-b/1`.
        """
        return await self._run(lambda: self._list(prefix, after, most))

    async def delete_all(self, keys: Sequence[str]) -> list[str]:
        """Delete many objects; the keys of those that could not be deleted."""
        if not keys:
            return []
        return await self._run(lambda: self._delete_all(keys), 1 + len(keys) // MOST_DELETED)

    async def delete(self, key: str) -> None:
        """Delete an object; one that is not there is as good as deleted."""
        await self._run(lambda: self._client.remove_object(self._bucket, key))

    async def ping(self) -> None:
        """Ask for the bucket; raises ObjectError."""
        if not await self._run(lambda: self._client.bucket_exists(self._bucket)):
            raise ObjectError("The object store has no such bucket")

    async def ensure_bucket(self) -> bool:
        """Make the bucket, unless it is there; returns whether it was made."""
        return await self._run(self._make_bucket)

    def _write(self, key: str, data: bytes, content_type: str) -> None:
        self._client.put_object(
            self._bucket, key, BytesIO(data), len(data), content_type, part_size=MAX_OBJECT
        )

    def _read(self, key: str) -> bytes:
        response = self._client.get_object(self._bucket, key)
        try:
            data = response.read(MAX_OBJECT + 1)
        finally:
            response.release_conn()
        if len(data) > MAX_OBJECT:
            raise ObjectTooLarge
        return data

    def _write_file(self, key: str, path: Path, size: int, content_type: str) -> None:
        with path.open("rb") as file:
            self._client.put_object(
                self._bucket, key, file, size, content_type, part_size=PART, num_parallel_uploads=1
            )

    def _read_file(self, key: str, path: Path, most: int) -> int:
        response = self._client.get_object(self._bucket, key)
        size = 0
        try:
            with path.open("wb") as file:
                for piece in response.stream(PIECE):
                    size += len(piece)
                    if size > most:
                        raise ObjectTooLarge(most)
                    file.write(piece)
        finally:
            response.close()
            response.release_conn()
        return size

    def _read_stretch(self, key: str, start: int, length: int) -> bytes:
        response = self._client.get_object(self._bucket, key, offset=start, length=length)
        try:
            return response.read(length)
        finally:
            response.release_conn()

    def _stat(self, key: str) -> ObjectStat:
        found = self._client.stat_object(self._bucket, key)
        if found.size is None or found.last_modified is None:
            raise ObjectError("The object store does not say how large the object is")
        return ObjectStat(found.size, found.content_type or "", found.last_modified)

    def _list(self, prefix: str, after: str, most: int) -> list[ObjectEntry]:
        found = self._client.list_objects(self._bucket, prefix, recursive=True, start_after=after or None)
        return [
            ObjectEntry(one.object_name, one.size or 0, one.last_modified)
            for one in islice(found, most)
            if one.object_name is not None and one.last_modified is not None
        ]

    def _delete_all(self, keys: Sequence[str]) -> list[str]:
        errors = self._client.remove_objects(self._bucket, [DeleteObject(key) for key in keys])
        return [error.name for error in errors if error.name is not None and error.code not in MISSING]

    def _make_bucket(self) -> bool:
        if self._client.bucket_exists(self._bucket):
            return False
        try:
            self._client.make_bucket(self._bucket)
        except S3Error as error:
            if error.code in ALREADY_THERE:  # another process was faster
                return False
            raise
        return True

    async def _run(self, call: Callable[[], T], parts: int = 1) -> T:
        """A call, or so many of them behind one."""
        try:
            async with asyncio.timeout(self._limit * parts):
                return await asyncio.get_running_loop().run_in_executor(self._threads, call)
        except S3Error as error:
            if error.code in MISSING:
                raise ObjectMissing from error
            raise ObjectError("The object store refused the request") from error
        except (MinioException, HTTPError, OSError) as error:
            raise ObjectError("The object store does not answer") from error


def _parts(size: int) -> int:
    return 1 + size // PART


@asynccontextmanager
async def open_objects(settings: ObjectSettings) -> AsyncIterator[ObjectStore]:
    """A store with the settings' limits. It connects when first used."""
    pool = PoolManager(
        num_pools=1,
        maxsize=THREADS,
        timeout=Timeout(connect=settings.timeout, read=settings.timeout),
        retries=Retry(total=RETRIES, backoff_factor=BACKOFF, status_forcelist=RETRIED_STATUSES),
    )
    threads = ThreadPoolExecutor(THREADS, thread_name_prefix="objects")
    try:
        yield ObjectStore(_client(settings, pool), threads, settings)
    finally:
        threads.shutdown(wait=False, cancel_futures=True)  # a call that runs ends by its own timeout
        pool.clear()


def _client(settings: ObjectSettings, pool: PoolManager) -> Minio:
    address = urlsplit(settings.endpoint)
    return Minio(
        address.netloc,
        access_key=settings.access_key,
        secret_key=settings.secret_key.get_secret_value(),
        secure=address.scheme == "https",
        region=settings.region,  # told, or the client would ask for it before the first call
        http_client=pool,
    )
