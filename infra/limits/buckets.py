"""Token buckets by name, for whatever is not a tenant: guest logins of an address, failed credentials.

A bucket holds `capacity` units and refills evenly over `seconds`. What is kept is how much of it is used, by
Redis' own clock, until it is full again.
"""

import asyncio
import hashlib
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import NoScriptError, RedisError

from infra.limits.errors import LimitsDown
from infra.settings import LimitSettings

TAKE = """
-- KEYS: the bucket. ARGV: capacity, seconds, cost.
-- Answers whether it was taken, whole units left, and in milliseconds: until it is full, until the cost fits.
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local capacity, cost = tonumber(ARGV[1]), tonumber(ARGV[3])
local rate = capacity / (ARGV[2] * 1000)
local kept = redis.call('HMGET', KEYS[1], 'used', 'at')
local used = math.min(tonumber(kept[1] or 0), capacity)
used = math.max(0, used - math.max(0, now - (kept[2] or now)) * rate)
local over = used + cost - capacity
if over <= 0.000001 then
  used = used + cost
  redis.call('HSET', KEYS[1], 'used', string.format('%.17g', used), 'at', string.format('%.3f', now))
  redis.call('PEXPIRE', KEYS[1], math.ceil(used / rate) + 1000)
  return {1, math.floor(capacity - used + 0.000001), math.ceil(used / rate), 0}
end
return {0, math.floor(capacity - used + 0.000001), math.ceil(used / rate), math.ceil(over / rate)}
"""
SHA = hashlib.sha1(TAKE.encode(), usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class Taken:
    """What a bucket answered."""

    is_allowed: bool
    limit: int
    remaining: int
    """Whole units that are left."""
    reset: float
    """Seconds until it is full."""
    retry_after: float
    """Seconds until the cost fits; 0 when it was taken."""


class Buckets:
    """Takes from buckets, each in one atomic round trip."""

    def __init__(self, redis: Redis, settings: LimitSettings) -> None:
        self._redis = redis
        self._limit = settings.timeout

    async def take(self, name: str, *, capacity: int, seconds: float, cost: int = 1) -> Taken:
        """Take `cost` units if they are there, else none. A cost above the capacity needs all of it.

        Raises LimitsDown when Redis is away or slow: whether to go on is its caller's decision.
        """
        capacity = max(1, capacity)
        taken, remaining, full, fits = await self._call(name, capacity, seconds, min(cost, capacity))
        return Taken(bool(taken), capacity, remaining, full / 1000, fits / 1000)

    async def _call(self, name: str, capacity: int, seconds: float, cost: int) -> list[int]:
        arguments: tuple[Any, ...] = (f"bucket:{name}", capacity, seconds, cost)  # the driver's own types
        try:
            async with asyncio.timeout(self._limit):
                try:
                    return list(await self._redis.evalsha(SHA, 1, *arguments))
                except NoScriptError:
                    return list(await self._redis.eval(TAKE, 1, *arguments))
        except (RedisError, OSError) as error:  # a TimeoutError is an OSError
            raise LimitsDown from error
