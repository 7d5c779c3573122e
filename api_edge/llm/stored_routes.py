"""The routes of stored completions. One is read by `resume`, as the answers are that are not stored."""

import re
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request

from api_edge.llm.stored import StoredCompletions
from api_edge.middleware.identity import SignedIn
from api_edge.middleware.paging import Paging
from contracts.errors import ApiError, ErrorCode
from contracts.wire.errors import ErrorAnswer
from contracts.wire.lists import Page
from contracts.wire.storable import is_storable
from contracts.wire.stored import (
    EXAMPLE_ID,
    MAX_PAIRS,
    CompletionDeleted,
    MetadataChange,
    StoredCompletion,
    StoredMessage,
)
from infra.store.stored_completions import CompletionFilter

Answers = dict[int | str, dict[str, Any]]  # FastAPI's own type
UNKNOWN: Answers = {404: {"model": ErrorAnswer, "description": "The caller stored no such completion"}}
CompletionId = Annotated[str, Path(description="Its id", examples=[EXAMPLE_ID])]
_PAIR = re.compile(r"metadata\[(.{1,64})\]", re.DOTALL)


def completion_filter(
    request: Request,
    caller: SignedIn,
    model: Annotated[
        str | None, Query(min_length=1, max_length=256, description="Asked for by this name")
    ] = None,
) -> CompletionFilter:
    """The query of the list: a model, and pairs as `metadata[topic]=greetings`. Raises ApiError."""
    pairs = {
        found[1]: value
        for name, value in request.query_params.multi_items()
        if (found := _PAIR.fullmatch(name)) is not None
    }
    texts = [*pairs, *pairs.values(), model or ""]
    if len(pairs) > MAX_PAIRS or not all(is_storable(text) for text in texts):
        message = f"metadata[...] may be given for at most {MAX_PAIRS} keys, with plain texts"
        raise ApiError(ErrorCode.INVALID_VALUE, message, param="metadata")
    return CompletionFilter(caller.tenant, model, pairs)


def stored_router(stored: StoredCompletions) -> APIRouter:
    """A caller's stored completions."""
    router = APIRouter(prefix="/v1/chat/completions", tags=["chat"])

    @router.get("", summary="List stored completions")
    async def list_completions(
        wanted: Annotated[CompletionFilter, Depends(completion_filter)], paging: Paging
    ) -> Page[StoredCompletion]:
        """What was asked for with `store: true` in the last 30 days; with `metadata[key]=value` only what has
        that pair."""
        return await stored.page(wanted, paging)

    @router.post("/{completion_id}", summary="Change a stored completion's metadata", responses=UNKNOWN)
    async def change_completion(
        caller: SignedIn, completion_id: CompletionId, body: MetadataChange
    ) -> StoredCompletion:
        """All of it: pairs that are not given are gone."""
        return await stored.change(caller, completion_id, body)

    @router.delete("/{completion_id}", summary="Delete a stored completion", responses=UNKNOWN)
    async def delete_completion(caller: SignedIn, completion_id: CompletionId) -> CompletionDeleted:
        """It is stored no more; for as long as the relay keeps its answer, that can still be read."""
        await stored.delete(caller, completion_id)
        return CompletionDeleted(id=completion_id)

    @router.get("/{completion_id}/messages", summary="List a stored completion's messages", responses=UNKNOWN)
    async def list_messages(
        caller: SignedIn, completion_id: CompletionId, paging: Paging
    ) -> Page[StoredMessage]:
        """What it was asked with, in order of place; `desc`: the last first."""
        return await stored.messages(caller, completion_id, paging)

    return router
