"""The object store: any S3, through MinIO's client, which blocks and so has threads of its own."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from io import BytesIO
from typing import TypeVar
from urllib.parse import urlsplit

from minio import Minio
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
    """More than is held in memory at once."""

    def __init__(self) -> None:
        super().__init__(f"The object is larger than {MAX_OBJECT} bytes", ErrorCode.BODY_TOO_LARGE)


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

    async def _run(self, call: Callable[[], T]) -> T:
        try:
            async with asyncio.timeout(self._limit):
                return await asyncio.get_running_loop().run_in_executor(self._threads, call)
        except S3Error as error:
            if error.code in MISSING:
                raise ObjectMissing from error
            raise ObjectError("The object store refused the request") from error
        except (MinioException, HTTPError, OSError) as error:
            raise ObjectError("The object store does not answer") from error


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
