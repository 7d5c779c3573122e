"""A worker's hold on a job: the attempt number that every write of it carries."""

from dataclasses import dataclass

from redis.asyncio import Redis
from redis.exceptions import RedisError

from contracts.frames import is_terminal
from infra.relay.keys import claim_key, log_key
from infra.relay.redis import RelayDown
from infra.relay.scripts import CLAIM


@dataclass(frozen=True)
class Claim:
    """One attempt, and what earlier ones left in the log."""

    attempt: int
    frames: int
    """Frames that stand in the log already."""
    is_over: bool
    """Whether the log ends with a terminal frame: nothing is left to do."""


class Claims:
    """Hands out attempts; taking one makes every earlier attempt stale."""

    def __init__(self, client: Redis, worker: str, retention: int) -> None:
        self._claim = client.register_script(CLAIM)
        self._worker = worker
        self._retention = retention

    async def take(self, job_id: str) -> Claim:
        """Begin an attempt at a job. Raises RelayDown."""
        try:
            attempt, frames, last = await self._claim(
                keys=[claim_key(job_id), log_key(job_id)], args=[self._worker, self._retention]
            )
        except RedisError as error:
            raise RelayDown(str(error)) from error
        return Claim(attempt=attempt, frames=frames, is_over=last is not None and is_terminal(last))
