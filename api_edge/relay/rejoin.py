"""A job that was accepted before, by whichever edge, followed from here: its log, or what outlives that."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from api_edge.deps import Edge
from api_edge.relay.running import Running
from contracts.errors import ApiError, ErrorCode
from contracts.wire.jobs import ENDED
from infra.relay.follower import Follower
from infra.relay.redis import RelayDown
from infra.relay.standing import Standing

HELD_BYTES = 64 * 1024
"""Bytes of a kept result that are handed out at once, as of a log."""

log = logging.getLogger(__name__)


class JobGone(Exception):
    """The job has ended, and neither its log nor a result of it is kept."""


class BeyondEnd(Exception):
    """The job has ended with fewer frames than were asked to be left out."""

    def __init__(self, frames: int) -> None:
        super().__init__(f"it ended with {frames} frames")
        self.chunks = frames - 1


class KeptLog:
    """A log that is read from a kept result."""

    def __init__(self, frames: Sequence[bytes]) -> None:
        self._frames = frames

    async def read(self, job_id: str, first_seq: int, most: int) -> list[bytes]:  # noqa: ARG002  a Log
        """The frames from `first_seq` on, at most so many."""
        return list(self._frames[first_seq : first_seq + most])


@asynccontextmanager
async def rejoined(
    edge: Edge, job_id: str, tenant: str, *, model: str, until: float, first_seq: int = 0
) -> AsyncIterator[Running]:
    """A tenant's job from a seq on, until the loop time `until`, or for as long as it takes to read.

    Raises JobGone, BeyondEnd, and ApiError when what there is of it cannot be read now.
    """
    with edge.relay.follow(job_id, first_seq=first_seq) as live:
        try:
            await edge.relay.attach(job_id)
            standing = await edge.relay.look(job_id)
        except RelayDown as error:
            follower = await _without_relay(edge, live, tenant, error)
        else:
            follower = await _follower(edge, live, tenant, standing)
            if not standing.frames and follower is live and await _is_gone(edge, job_id, until):
                raise JobGone(job_id)
        yield Running(job_id=job_id, follower=follower, model=model, until=until, is_replay=True)


async def _without_relay(edge: Edge, live: Follower, tenant: str, error: RelayDown) -> Follower:
    """The kept result, while Redis is away. Raises ApiError when there is none yet."""
    log.warning("job_not_attached", extra={"job_id": live.job_id, "error": str(error)})
    frames = await edge.results.of(live.job_id, tenant)
    if frames is None:
        message = "The job's output cannot be read now; ask again"
        raise ApiError(ErrorCode.DEPENDENCY_DOWN, message, retry_after=5) from error
    return _of_kept(live, frames)


async def _follower(edge: Edge, live: Follower, tenant: str, standing: Standing) -> Follower:
    """The log, unless it has no end and a kept result has: Redis forgot the log then."""
    frames = None if standing.is_over else await _kept(edge, live.job_id, tenant)
    if frames is not None:
        return _of_kept(live, frames)
    if standing.is_over and live.seq >= standing.frames:
        raise BeyondEnd(standing.frames)
    live.announce(standing.frames, asyncio.get_running_loop().time())
    return live


async def _kept(edge: Edge, job_id: str, tenant: str) -> list[bytes] | None:
    """A job's kept result; none while the database is away, since the job most likely runs."""
    try:
        return await edge.results.of(job_id, tenant)
    except ApiError as error:
        log.warning("result_unread", extra={"job_id": job_id, "error": str(error)})
        return None


async def _is_gone(edge: Edge, job_id: str, until: float) -> bool:
    """Whether a job without a log will never get one again, as its deadline or the ledger tells."""
    if asyncio.get_running_loop().time() > until:
        return True
    try:
        stored = await edge.ledger.of(job_id)
    except ApiError as error:
        log.warning("ledger_unread", extra={"job_id": job_id, "error": str(error)})
        return False
    return stored is not None and stored.view.state in ENDED


def _of_kept(live: Follower, frames: Sequence[bytes]) -> Follower:
    """A follower of a kept result, at the same place."""
    if live.seq >= len(frames):
        raise BeyondEnd(len(frames))
    now = asyncio.get_running_loop().time()
    follower = Follower(live.job_id, KeptLog(frames), first_seq=live.seq, limit=HELD_BYTES, now=now)
    follower.announce(len(frames), now)
    return follower
