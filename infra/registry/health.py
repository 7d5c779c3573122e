"""How the endpoints of providers are, as each worker finds them: told to Redis, summed up for who asks.

A hash for each provider, a field for each worker. Ages are told by Redis' clock, so that no two machines need
the same one.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from pydantic import ValidationError
from redis.asyncio import Redis
from redis.exceptions import RedisError

from contracts.base import Message

KEPT_SECONDS = 30
"""A worker that tells nothing for so long is taken for dead."""
WORST_FIRST = ("open", "half_open", "closed")


class EndpointHealth(Message):
    """One endpoint, as one worker finds it, or as the worst of all does."""

    url: str
    state: Literal["open", "half_open", "closed"]
    """`closed`: it works; `open`: it is left alone; `half_open`: one call tries it."""
    failures: int
    """In a row."""
    rests_for: float
    """Seconds for which it is left alone."""


class HealthReport(Message):
    """What one worker finds."""

    at: float
    """By Redis' clock, in seconds."""
    endpoints: tuple[EndpointHealth, ...]


class HealthBoard:
    """Where workers tell it, and others read it."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def tell(self, worker: str, providers: Mapping[str, Iterable[EndpointHealth]]) -> None:
        """What a worker finds, by the providers' ids. Nothing is told while Redis is away."""
        try:
            now = await self._now()
            async with self._redis.pipeline(transaction=False) as pipe:
                for provider_id, endpoints in providers.items():
                    report = HealthReport(at=now, endpoints=tuple(endpoints))
                    pipe.hset(_key(provider_id), worker, report.model_dump_json())
                    pipe.expire(_key(provider_id), 2 * KEPT_SECONDS)
                await pipe.execute()
        except RedisError:
            return

    async def leave(self, worker: str, providers: Iterable[str]) -> None:
        """A worker ends: what it found is forgotten."""
        try:
            async with self._redis.pipeline(transaction=False) as pipe:
                for provider_id in providers:
                    pipe.hdel(_key(provider_id), worker)
                await pipe.execute()
        except RedisError:
            return

    async def of(self, provider_id: str) -> list[EndpointHealth]:
        """Each endpoint as the worker finds it that finds it worst; none while nobody tells."""
        try:
            now = await self._now()
            told: Any = await self._redis.hgetall(_key(provider_id))  # the driver's types
        except RedisError:
            return []
        reports = [
            report for report in map(_read, told.values()) if report and now - report.at <= KEPT_SECONDS
        ]
        found = [one for report in reports for one in report.endpoints]
        found.sort(key=lambda one: (one.url, WORST_FIRST.index(one.state), -one.failures))
        worst = {one.url: one for one in reversed(found)}
        return [worst[url] for url in sorted(worst)]

    async def _now(self) -> float:
        seconds, micros = await self._redis.time()
        return float(seconds) + float(micros) / 1_000_000


def _read(text: bytes) -> HealthReport | None:
    """What a worker told; None when this version cannot read it."""
    try:
        return HealthReport.model_validate_json(text)
    except ValidationError:
        return None


def _key(provider_id: str) -> str:
    return f"health:{provider_id}"
