"""Notices to every process: what was changed in the database, and must be felt everywhere within a second.

A notice is told after the change has been committed, over one Redis stream that every process reads. The
stream is a shortcut, not the truth: whoever listens gives a `reload`, which reads the truth. It runs at the
start, when Redis was away, twice a second while it is, and now and then for what nobody could tell.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from contracts.errors import ApiError
from infra.relay.redis import heed_cancel

STREAM = "notices"
MOST = 10_000
"""Notices kept, about; a process that was cut off for longer reads the truth anyway."""
KEPT_SECONDS = 86_400
BLOCK_SECONDS = 1.0
RELOAD_SECONDS = 30.0
RETRY_SECONDS = 0.5
TELL_SECONDS = 60.0
"""For so long a notice is told again while Redis is away; by then every process has reloaded."""

Notice = Mapping[str, str]
"""As `{"deny": "sid:01J...", "until": "1795401624"}`: one field names the kind."""
Handler = Callable[[Notice], None]
Reload = Callable[[], Awaitable[None]]

log = logging.getLogger(__name__)


class Notices:
    """Tells, and follows. Opened by `open_notices`."""

    def __init__(self, redis: Redis, *, reload_seconds: float = RELOAD_SECONDS) -> None:
        self._redis = redis
        self._reload_seconds = reload_seconds
        self._telling: set[asyncio.Task[None]] = set()

    async def tell(self, notice: Notice) -> None:
        """Let every process know; in the background, where Redis does not take it now."""
        try:
            await self._add(notice)
        except RedisError:
            task = asyncio.create_task(self._tell_again(notice))
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)

    async def follow(self, handle: Handler, reload: Reload) -> None:
        """Hand on what is told, until cancelled."""
        last = b""
        reloaded_at = float("-inf")
        while True:
            heed_cancel()
            try:
                if not last:
                    last = await self._end()
                    reloaded_at = float("-inf")
                if time.monotonic() - reloaded_at >= self._reload_seconds:
                    await reload()
                    reloaded_at = time.monotonic()
                last = await self._read(last, handle)
            except (RedisError, ApiError) as error:
                log.warning("notices_interrupted", extra={"error": str(error)})
                last = b""
                with suppress(ApiError):
                    await reload()
                await asyncio.sleep(RETRY_SECONDS)

    async def close(self) -> None:
        """Tell no more."""
        for task in self._telling:
            task.cancel()
        await asyncio.gather(*self._telling, return_exceptions=True)

    async def _add(self, notice: Notice) -> None:
        fields: dict[Any, Any] = dict(notice)  # the driver's own type
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.xadd(STREAM, fields, maxlen=MOST, approximate=True)
            pipe.expire(STREAM, KEPT_SECONDS)
            await pipe.execute()

    async def _tell_again(self, notice: Notice) -> None:
        for _ in range(int(TELL_SECONDS / RETRY_SECONDS)):
            await asyncio.sleep(RETRY_SECONDS)
            with suppress(RedisError):
                await self._add(notice)
                return

    async def _end(self) -> bytes:
        """The name of the newest notice: what comes behind it is news."""
        newest: Any = await self._redis.xrevrange(STREAM, count=1)  # the driver's types know no bytes
        name: bytes = newest[0][0] if newest else b"0-0"
        return name

    async def _read(self, last: bytes, handle: Handler) -> bytes:
        block = int(BLOCK_SECONDS * 1000)
        answer: Any = await self._redis.xread({STREAM: last}, count=MOST, block=block)  # as above
        for _, entries in answer or ():
            for name, fields in entries:
                handle({key.decode(): value.decode() for key, value in fields.items()})
                last = name
        return last


@asynccontextmanager
async def open_notices(redis: Redis, *, reload_seconds: float = RELOAD_SECONDS) -> AsyncIterator[Notices]:
    """Notices over this Redis, until the block ends."""
    notices = Notices(redis, reload_seconds=reload_seconds)
    try:
        yield notices
    finally:
        await notices.close()


@asynccontextmanager
async def followed(notices: Notices, handle: Handler, reload: Reload) -> AsyncIterator[None]:
    """Follow them while the block runs. The truth has been read once when it begins. Raises ApiError."""
    await reload()
    task = asyncio.create_task(notices.follow(handle, reload))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
