"""What is known of a job, put together from the ledger, which is late, and Redis, which forgets."""

import asyncio
from typing import Any

from api_edge.deps import Edge
from api_edge.relay.ownership import named_job, owned
from contracts.envelope import Lane
from contracts.errors import ApiError, ErrorCode, ErrorDetail
from contracts.events import Failure
from contracts.frames import FrameKind, payload_of
from contracts.ids import response_id
from contracts.wire.jobs import ENDED, JobState, JobView
from infra.relay.redis import RelayDown
from infra.relay.standing import Standing

LOOK_SECONDS = 0.05
CANCEL_LOOKS = 40
"""How often a cancelled job is looked at before its canceller is told that it is still ending: for 2 s."""
LANES = frozenset(lane.value for lane in Lane)


class JobDesk:
    """Shows and stops jobs."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge

    async def show(self, public_id: str, tenant: str) -> JobView:
        """A tenant's job. Raises ApiError: 404, or 503 when the ledger cannot be read now."""
        standing = await owned(self._edge, public_id, tenant)
        job_id = named_job(public_id)
        stored = await self._edge.ledger.of(job_id)
        view = (
            stored.view
            if stored is not None
            else JobView(id=job_id, kind="unknown", state=JobState.QUEUED, lane="unknown")
        )
        return await self._with_queue(overlaid(view, standing))

    async def cancel(self, public_id: str, tenant: str) -> JobView:
        """Tell a tenant's job to stop, and wait a moment for its end. One that has ended is shown as it is.

        Raises ApiError: 404, 400 for a response, or 503 when it cannot be told now.
        """
        standing = await owned(self._edge, public_id, tenant)
        job_id = named_job(public_id)
        if await self._is_response(job_id):
            message = f"A response is cancelled by POST /v1/responses/{response_id(job_id)}/cancel"
            raise ApiError(ErrorCode.INVALID_VALUE, message, param="job_id")
        if not standing.is_known or standing.is_over:  # a running one is stopped without the ledger, too
            view = await self.show(public_id, tenant)
            if view.state in ENDED:
                return view
        try:
            await self._edge.stops.cancel(job_id, tenant)
            await self._until_over(job_id)
        except RelayDown as error:
            message = "The job cannot be told to stop now; try again"
            raise ApiError(ErrorCode.DEPENDENCY_DOWN, message, retry_after=2) from error
        return await self.show(public_id, tenant)

    async def _is_response(self, job_id: str) -> bool:
        """Whether a job is a response, which is many jobs; while the ledger is away, none is known to be."""
        try:
            stored = await self._edge.ledger.of(job_id)
        except ApiError:
            return False
        return stored is not None and stored.view.kind == "response"

    async def _until_over(self, job_id: str) -> None:
        for _ in range(CANCEL_LOOKS):
            if (await self._edge.relay.look(job_id)).is_over:
                return
            await asyncio.sleep(LOOK_SECONDS)

    async def _with_queue(self, view: JobView) -> JobView:
        if view.state is not JobState.QUEUED or view.kind != "completion" or view.lane not in LANES:
            return view
        lane = Lane(view.lane)
        ahead = await self._edge.ledger.ahead_of(view.id, lane)
        load = self._edge.lanes.of(lane)
        wait = None if load is None or not load.rate else round(ahead / load.rate, 1)
        return view.model_copy(update={"queue_position": ahead, "expected_wait_seconds": wait})


def overlaid(view: JobView, standing: Standing) -> JobView:
    """The ledger's picture with what Redis knows since then."""
    if view.state in ENDED:
        return view
    if not standing.is_over:
        known: dict[str, Any] = {"cancelling": standing.is_cancelled}  # fields of a JobView
        if standing.attempt > view.attempts:
            known |= {"attempts": standing.attempt, "state": JobState.RUNNING}
        return view.model_copy(update=known)
    if standing.last[0] != FrameKind.ERROR:
        return view.model_copy(update={"state": JobState.FINISHED})
    failure = Failure.model_validate_json(payload_of(standing.last))
    if failure.code == ErrorCode.CANCELLED:
        return view.model_copy(update={"state": JobState.CANCELLED, "usage": failure.usage})
    error = ErrorDetail.model_validate(dict(failure))
    return view.model_copy(update={"state": JobState.FAILED, "error": error, "usage": failure.usage})
