"""The signing keys as one edge process knows them: read at the start, and again when they may have changed.

Another edge may have rotated: then a token names a key that is not known here, and the keys are read once for
it, however many such tokens come. Keys are also read again once a minute, so that a retired one is forgotten.
While the database is away the known keys go on.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

from contracts.errors import ApiError, ErrorCode
from infra.identity.keys import SigningKey

MAX_AGE = 60.0
"""Seconds after which the keys are read again."""
MIN_PAUSE = 1.0
"""Seconds between two readings, so that a storm of unknown keys costs the database one query a second."""
READ_TIMEOUT = 2.0
"""Seconds that a request waits for the keys to be read."""

LOG = logging.getLogger(__name__)

KeyLoader = Callable[[], Awaitable[Sequence[SigningKey]]]


class KeyRing:
    """The keys that verify, of which one signs."""

    def __init__(
        self,
        load: KeyLoader,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        read_timeout: float = READ_TIMEOUT,
    ) -> None:
        self._load = load
        self._clock = clock
        self._wall = wall
        self._read_timeout = read_timeout
        self._keys: dict[str, SigningKey] = {}
        self._tried_at = float("-inf")
        self._lock = asyncio.Lock()

    async def read(self, *, not_within: float = 0.0) -> None:
        """Read the keys, unless that was tried within so many seconds. Raises ApiError when it fails."""
        async with self._lock:
            if self._clock() - self._tried_at < not_within:
                return
            self._tried_at = self._clock()
            self._keys = {key.kid: key for key in await self._loaded()}

    async def keep_fresh(self) -> None:
        """Read the keys again when they are old; the old ones serve when that fails."""
        if self._clock() - self._tried_at < MAX_AGE or self._lock.locked():
            return
        try:
            await self.read(not_within=MAX_AGE)
        except ApiError as error:
            LOG.warning("signing_keys_not_read", extra={"reason": error.detail.message})

    async def find(self, kid: str) -> SigningKey | None:
        """The key of this name, if it may still verify."""
        if kid in self._keys:
            await self.keep_fresh()
        else:
            await self.read(not_within=MIN_PAUSE)
        return self._keys.get(kid)

    def current(self) -> SigningKey:
        """The key that signs: the newest that everybody knows. Raises ApiError when there is none."""
        now = datetime.fromtimestamp(self._wall(), UTC)
        alive = [key for key in self.all() if key.may_sign(now)]
        if not alive:
            raise ApiError(ErrorCode.DEPENDENCY_DOWN, "The issuer has no signing key")
        return next((key for key in alive if key.is_published(now)), alive[-1])

    def all(self) -> list[SigningKey]:
        """Every key that verifies, newest first."""
        return sorted(self._keys.values(), key=lambda key: (key.created_at, key.kid), reverse=True)

    async def _loaded(self) -> Sequence[SigningKey]:
        try:
            async with asyncio.timeout(self._read_timeout):
                return await self._load()
        except TimeoutError as error:
            raise ApiError(ErrorCode.DEPENDENCY_DOWN, "The signing keys could not be read in time") from error
