"""The routes of API keys."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Response

from api_edge.auth.keys import ApiKeys
from api_edge.middleware.identity import SignedIn
from api_edge.middleware.paging import Paging
from contracts.wire.api_keys import ApiKey, ApiKeyAsk, NewApiKey
from contracts.wire.errors import ErrorAnswer
from contracts.wire.lists import Page

Answers = dict[int | str, dict[str, Any]]  # FastAPI's own type
FULL: Answers = {409: {"model": ErrorAnswer, "description": "The user has as many active keys as allowed"}}
UNKNOWN: Answers = {404: {"model": ErrorAnswer, "description": "The caller has no such key"}}
DOWN: Answers = {503: {"model": ErrorAnswer, "description": "The database does not answer; nothing was done"}}
KeyId = Annotated[str, Path(description="As the list tells it", examples=["01K9ZQ4T7M3N8R5V2X6Y0B1C4D"])]


def key_router(keys: ApiKeys) -> APIRouter:
    """A user's own keys."""
    router = APIRouter(prefix="/auth/api-keys", tags=["auth"])

    @router.post("", status_code=201, summary="Make an API key", responses={**FULL, **DOWN})
    async def create_api_key(caller: SignedIn, body: ApiKeyAsk, response: Response) -> NewApiKey:
        """A key that does what its user's access tokens do, on every surface, until it ends or is deleted.
        It is shown here and never again: only a keyed hash is stored."""
        response.headers["Cache-Control"] = "no-store"
        return await keys.create(caller, body)

    @router.get("", summary="List API keys", responses=DOWN)
    async def list_api_keys(caller: SignedIn, paging: Paging) -> Page[ApiKey]:
        """The caller's keys, those that ended too, the newest first."""
        return await keys.page(caller, paging)

    @router.delete("/{key_id}", status_code=204, summary="Delete an API key", responses={**UNKNOWN, **DOWN})
    async def delete_api_key(caller: SignedIn, key_id: KeyId) -> None:
        """End a key, in effect on every server within a second. It stays in the list, as revoked; deleting it
        again changes nothing."""
        await keys.revoke(caller, key_id)

    return router
