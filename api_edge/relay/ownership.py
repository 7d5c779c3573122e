"""Whose job an id names: told by Redis from its first claim on, and by the ledger."""

import asyncio
import time

from api_edge.deps import Edge
from api_edge.errors import shown
from contracts.errors import ApiError, ErrorCode
from contracts.ids import born_at, is_ulid, job_id_of
from infra.relay.redis import RelayDown
from infra.relay.standing import Standing

YOUNG_SECONDS = 15.0
"""A job that is no older may not have been claimed, nor be in the ledger, yet."""
PATIENCE = 2.0
PAUSE = 0.1


def named_job(public_id: str) -> str:
    """The job id in an id such as `chatcmpl-01J...`, or `01J...`. Raises ApiError, 404."""
    job_id = public_id if is_ulid(public_id) else job_id_of(public_id)
    if job_id is None:
        raise no_such_job(public_id)
    return job_id


async def owned(edge: Edge, public_id: str, tenant: str) -> Standing:
    """What Redis knows of a tenant's job.

    Raises ApiError: 404 for a job that does not exist or belongs to another tenant, 503 when that cannot be
    found out now.
    """
    job_id = named_job(public_id)
    until = time.monotonic() + (PATIENCE if time.time() - born_at(job_id) < YOUNG_SECONDS else 0.0)
    while True:
        standing = await _standing(edge, job_id)
        owner = standing.tenant or await _in_ledger(edge, job_id)
        if owner == tenant:
            return standing
        if owner is not None or time.monotonic() >= until:
            raise no_such_job(public_id)
        await asyncio.sleep(PAUSE)


def no_such_job(public_id: str) -> ApiError:
    """It does not exist, or is another's: which of the two is not told."""
    return ApiError(ErrorCode.NOT_FOUND, f"There is no job {shown(public_id)!r}, or it is kept no more")


async def _standing(edge: Edge, job_id: str) -> Standing:
    """What Redis knows; nothing while it is away, since the ledger knows too."""
    try:
        return await edge.relay.look(job_id)
    except RelayDown:
        return Standing()


async def _in_ledger(edge: Edge, job_id: str) -> str | None:
    stored = await edge.ledger.of(job_id)
    return None if stored is None else stored.tenant
