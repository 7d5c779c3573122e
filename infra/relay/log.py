"""A job's log, read at any time while it is kept."""

from typing import cast

from redis.asyncio import Redis
from redis.exceptions import RedisError

from infra.relay.keys import log_key
from infra.relay.redis import RelayDown

PAGE = 128
"""Most frames of one read."""


class LogReader:
    """Reads frames by their seq."""

    def __init__(self, client: Redis) -> None:
        self._client = client

    async def read(self, job_id: str, first_seq: int, most: int = PAGE) -> list[bytes]:
        """The frames from `first_seq` on, at most so many; empty when there are none. Raises RelayDown."""
        key = log_key(job_id)
        try:
            frames = await self._client.lrange(key, first_seq, first_seq + min(most, PAGE) - 1)
        except RedisError as error:
            raise RelayDown(str(error)) from error
        return cast("list[bytes]", frames)  # answers are not decoded: open_redis

    async def whole(self, job_id: str) -> list[bytes]:
        """All frames of a log. Raises RelayDown."""
        frames: list[bytes] = []
        while page := await self.read(job_id, len(frames)):
            frames += page
        return frames

    async def lengths(self, job_ids: list[str]) -> list[int]:
        """How many frames each log holds, in one round trip. Raises RelayDown."""
        async with self._client.pipeline(transaction=False) as pipeline:
            for job_id in job_ids:
                pipeline.llen(log_key(job_id))
            try:
                counts: list[int] = await pipeline.execute()
            except RedisError as error:
                raise RelayDown(str(error)) from error
        return counts
