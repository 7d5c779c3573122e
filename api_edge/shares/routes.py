"""The routes of shares."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response

from api_edge.middleware.identity import SignedIn
from api_edge.middleware.paging import Paging
from api_edge.shares.shares import Shares
from contracts.wire.conversations import EXAMPLE_ID
from contracts.wire.errors import ErrorAnswer
from contracts.wire.lists import Page
from contracts.wire.shares import PublicShare, Share, ShareAsk, ShareDeleted

Answers = dict[int | str, dict[str, Any]]  # FastAPI's own type
UNKNOWN: Answers = {404: {"model": ErrorAnswer, "description": "The caller has nothing of this id"}}
NOBODYS: Answers = {404: {"model": ErrorAnswer, "description": "There is no such share, or it was revoked"}}
TOO_LARGE: Answers = {413: {"model": ErrorAnswer, "description": "The share would pass 10 MB"}}
ConversationId = Annotated[str, Path(description="Its id", examples=[EXAMPLE_ID])]
ShareId = Annotated[str, Path(description="Its id", examples=["shr_01KB3M5Q8Z7V2T4X6Y8W0R1S2T"])]
Slug = Annotated[str, Path(description="The end of its link", examples=["4fX2q9ZkT7bLr0VwYc8NhD"])]


def share_router(shares: Shares) -> APIRouter:
    """A caller's shares, and those that everybody can read."""
    router = APIRouter(tags=["conversations"])

    @router.post(
        "/v1/conversations/{conversation_id}/share",
        status_code=201,
        summary="Share a conversation",
        responses={**UNKNOWN, **TOO_LARGE},
    )
    async def create_share(caller: SignedIn, conversation_id: ConversationId, body: ShareAsk) -> Share:
        """As it is now: what is written later is not shared. Only texts of questions and answers, and images
        where they are to be; nothing in it tells whose it is."""
        return await shares.create(caller, conversation_id, body)

    @router.get(
        "/v1/conversations/{conversation_id}/shares",
        summary="List a conversation's shares",
        responses=UNKNOWN,
    )
    async def list_conversation_shares(
        caller: SignedIn, conversation_id: ConversationId, paging: Paging
    ) -> Page[Share]:
        """Those that were revoked, too."""
        return await shares.page_of_conversation(caller, conversation_id, paging)

    @router.delete(
        "/v1/conversations/{conversation_id}/shares/{share_id}", summary="Revoke a share", responses=UNKNOWN
    )
    async def delete_conversation_share(
        caller: SignedIn, conversation_id: ConversationId, share_id: ShareId
    ) -> ShareDeleted:
        """Its link leads nowhere from now on. Again, it changes nothing."""
        await shares.revoke(caller, share_id, conversation_id)
        return ShareDeleted(id=share_id)

    @router.get("/v1/shares", summary="List shares")
    async def list_shares(
        caller: SignedIn,
        paging: Paging,
        include_revoked: Annotated[bool, Query(description="Those that were revoked, too")] = True,  # noqa: FBT002
    ) -> Page[Share]:
        """All of the caller's, the newest first."""
        return await shares.page(caller, paging, includes_revoked=include_revoked)

    @router.delete("/v1/shares/{share_id}", summary="Revoke a share by its id", responses=UNKNOWN)
    async def delete_share(caller: SignedIn, share_id: ShareId) -> ShareDeleted:
        """Its link leads nowhere from now on. Again, it changes nothing."""
        await shares.revoke(caller, share_id)
        return ShareDeleted(id=share_id)

    @router.get("/v1/public/shares/{slug}", summary="Read a share", responses=NOBODYS)
    async def read_share(slug: Slug, response: Response) -> PublicShare:
        """For everybody who has the link, without a login. It is not kept by caches: revoked, it is gone."""
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Robots-Tag"] = "noindex, nofollow"
        return await shares.read(slug)

    return router
