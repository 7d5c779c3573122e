"""How a job is told to stop: a mark in its claim, for while it is queued, and a word to whoever runs it."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager

from redis.asyncio import Redis
from redis.exceptions import RedisError

from contracts.errors import ApiError, ErrorCode
from contracts.events import Failure
from infra.relay.keys import CANCELS, claim_key, log_key
from infra.relay.redis import RelayDown
from infra.relay.scripts import CANCEL
from infra.relay.subscription import Subscription

CANCELLED = "cancelled"
"""The field of a claim that says so."""
LAST_WORD = Failure(**dict(ApiError(ErrorCode.CANCELLED, "The job was cancelled").detail))
"""What the log of a cancelled job ends with."""

log = logging.getLogger(__name__)


async def cancel_job(client: Redis, job_id: str, retention: int) -> bool:
    """Tell whoever has the job, now or later, to stop it. Raises RelayDown.

    A job that no worker holds, because it is queued or waits for a retry, ends at once, and True is returned.
    """
    script = client.register_script(CANCEL)
    try:
        ended = await script(
            keys=[claim_key(job_id), log_key(job_id)],
            args=[job_id, retention, CANCELS, LAST_WORD.model_dump_json()],
        )
    except RedisError as error:
        raise RelayDown(str(error)) from error
    return bool(ended)


class Cancels:
    """The worker's side: hears which jobs are told to stop."""

    def __init__(self, client: Redis) -> None:
        self._client = client

    @asynccontextmanager
    async def heard(
        self, running: Callable[[], Collection[str]], stop: Callable[[str], None]
    ) -> AsyncIterator[None]:
        """While open, `stop` is called with the id of each job that is told to stop, ours or not.

        `running` names our jobs, for which the marks are looked up whenever the connection was lost.
        """

        async def look_up() -> None:
            for job_id in await _marked(self._client, list(running())):
                stop(job_id)

        subscription = Subscription(self._client, CANCELS, lambda message: stop(message.decode()), look_up)
        listening = asyncio.create_task(subscription.listen())
        try:
            yield
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)


async def _marked(client: Redis, job_ids: list[str]) -> list[str]:
    try:
        async with client.pipeline(transaction=False) as pipeline:
            for job_id in job_ids:
                pipeline.hexists(claim_key(job_id), CANCELLED)
            marks = await pipeline.execute()
    except RedisError as error:
        log.warning("cancels_unreadable", extra={"error": str(error)})
        return []
    return [job_id for job_id, is_marked in zip(job_ids, marks, strict=True) if is_marked]
