"""What search engines answered before, by tenant: in Redis, and only for as long as it may be given again.

The cache is a convenience: where Redis is away or slow, nothing is kept and nothing was. A tenant has so many
slots, and what was asked falls into one of them: a new answer takes the place of the one that was there, so
that no tenant fills the memory which every job's frames need, too.
"""

import asyncio
import hashlib
import logging
import zlib

from redis.asyncio import Redis
from redis.exceptions import RedisError

from infra.relay.redis import heed_cancel

PATIENCE = 1.0
"""Seconds that a search waits for its cache; an engine is not much slower."""
SLOTS = 1_024
"""Of one tenant."""
MOST = 64 * 1024
"""Compressed bytes of one answer; larger ones are not kept."""
_MARK = hashlib.sha256().digest_size

log = logging.getLogger(__name__)


class CacheDown(Exception):
    """Redis cannot be reached, or refuses to work: what is kept is not known."""


class SearchCache:
    """Answers, as bytes, by tenant and by what was asked."""

    def __init__(self, redis: Redis, *, patience: float = PATIENCE) -> None:
        self._redis = redis
        self._patience = patience

    async def get(self, tenant: str, asked: str) -> bytes | None:
        """The answer to exactly this; None where none is kept. Raises CacheDown."""
        slot, mark = _place(tenant, asked)
        try:
            async with asyncio.timeout(self._patience):
                kept = await self._redis.get(slot)
        except (RedisError, OSError) as error:  # a TimeoutError is an OSError
            heed_cancel()
            raise CacheDown(type(error).__name__) from error
        if not isinstance(kept, bytes) or kept[:_MARK] != mark:
            return None
        return _opened(kept[_MARK:])

    async def put(self, tenant: str, asked: str, answer: bytes, seconds: float) -> bool:
        """Keep it so long; whether it was kept."""
        slot, mark = _place(tenant, asked)
        packed = zlib.compress(answer)
        if seconds < 1 or len(packed) > MOST:
            return False
        try:
            async with asyncio.timeout(self._patience):
                await self._redis.set(slot, mark + packed, ex=int(seconds))
        except (RedisError, OSError) as error:
            heed_cancel()
            log.warning("search_not_kept", extra={"error": type(error).__name__})
            return False
        return True


def _place(tenant: str, asked: str) -> tuple[str, bytes]:
    """The slot, and what tells this question from others there. Keys are listed and logged: what was asked
    does not stand in them."""
    mark = hashlib.sha256(asked.encode()).digest()
    return f"search:{tenant}:{int.from_bytes(mark[:4]) % SLOTS}", mark


def _opened(packed: bytes) -> bytes | None:
    try:
        return zlib.decompress(packed)
    except zlib.error:
        return None
