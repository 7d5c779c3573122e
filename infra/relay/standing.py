"""What the relay knows of a job at this moment: whose it is, how far it is, whether it has ended."""

from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from contracts.frames import is_terminal
from infra.relay.keys import claim_key, log_key
from infra.relay.redis import RelayDown


@dataclass(frozen=True)
class Standing:
    """One job, as a look into Redis showed it."""

    tenant: str | None = None
    """Whose job it is; None before its first claim."""
    attempt: int = 0
    """The newest attempt; 0 before the first claim."""
    frames: int = 0
    """Frames in its log."""
    last: bytes = b""
    """The last of them."""
    is_cancelled: bool = False
    """Whether it was told to stop."""

    @property
    def is_known(self) -> bool:
        """Whether Redis knows whose it is; else it was not claimed yet, or is forgotten."""
        return self.tenant is not None

    @property
    def is_over(self) -> bool:
        """Whether its log is closed."""
        return bool(self.last) and is_terminal(self.last)


async def standing_of(client: Redis, job_id: str) -> Standing:
    """Look a job up. Raises RelayDown."""
    try:
        async with client.pipeline(transaction=False) as pipeline:
            pipeline.hmget(claim_key(job_id), ["tenant", "attempt", "cancelled"])
            pipeline.llen(log_key(job_id))
            pipeline.lindex(log_key(job_id), -1)
            found: list[Any] = await pipeline.execute()  # one answer of each kind
    except RedisError as error:
        raise RelayDown(str(error)) from error
    (tenant, attempt, cancelled), frames, last = found
    return Standing(
        tenant=None if tenant is None else tenant.decode(),
        attempt=int(attempt or 0),
        frames=frames,
        last=last or b"",
        is_cancelled=cancelled is not None,
    )
