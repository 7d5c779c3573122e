"""GET /v1/jobs/{id} and POST /v1/jobs/{id}/cancel."""

from typing import Annotated

from fastapi import APIRouter, Path, Request

from api_edge.jobs.desk import JobDesk
from api_edge.middleware.identity import SignedIn
from contracts.wire.jobs import Enveloped, JobView, Meta

JobId = Annotated[
    str,
    Path(
        description="The job's ULID, or the id of what it makes, as `chatcmpl-...` or `resp_...`",
        examples=["chatcmpl-01KB3M5Q8Z7V2T4X6Y8W0R1S2T"],
    ),
]


def jobs_router(desk: JobDesk) -> APIRouter:
    """The routes of jobs."""
    router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

    @router.get("/{job_id}", summary="Where a job stands")
    async def read_job(job_id: JobId, caller: SignedIn, request: Request) -> Enveloped[JobView]:
        """Its state, its attempts, what it used, and all that happened to it; while it is queued, how many
        jobs of its lane come before it and how long that may take."""
        return _enveloped(await desk.show(job_id, caller.tenant), request)

    @router.post("/{job_id}/cancel", summary="Stop a job")
    async def cancel_job(job_id: JobId, caller: SignedIn, request: Request) -> Enveloped[JobView]:
        """A queued job is never started; a running one's provider is let go, and what it used is recorded.
        Cancelling a job that has ended, or again, changes nothing. `cancelling` tells that it has not ended
        yet."""
        return _enveloped(await desk.cancel(job_id, caller.tenant), request)

    return router


def _enveloped(view: JobView, request: Request) -> Enveloped[JobView]:
    return Enveloped(data=view, meta=Meta(request_id=request.scope["state"].get("request_id")))
