"""GET /v1/users/me/quota."""

from fastapi import APIRouter, Request

from api_edge.deps import Edge
from api_edge.middleware.identity import SignedIn
from contracts.wire.jobs import Enveloped, Meta
from contracts.wire.quota import Quota


def quota_router(edge: Edge) -> APIRouter:
    """The route."""
    router = APIRouter(prefix="/v1/users/me", tags=["users"])

    @router.get("/quota", summary="What is left of your limits")
    async def read_quota(caller: SignedIn, request: Request) -> Enveloped[Quota]:
        """Your tier, the requests and tokens that are left of it now, and the budgets that hold for you: what
        is spent, and what running jobs are held for until their use is known."""
        quota = await edge.limits.quota(caller)
        return Enveloped(data=quota, meta=Meta(request_id=request.scope["state"].get("request_id")))

    return router
