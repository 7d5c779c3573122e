"""The routes of a conversation's items."""

from typing import Annotated

from fastapi import APIRouter, Query

from api_edge.conversations.items import Items
from api_edge.conversations.paths import (
    CONVERSATION,
    DOWN,
    UNKNOWN,
    BranchOf,
    CallId,
    ConversationId,
    ItemId,
)
from api_edge.middleware.identity import SignedIn
from api_edge.middleware.paging import Paging
from contracts.wire.conversations import CallResult, Conversation, ConversationItem, ItemsAsk
from contracts.wire.lists import Page

ITEMS = f"{CONVERSATION}/items"
BY_CALL = ITEMS + "/by-call-id/{call_id}"
ITEM = ITEMS + "/{item_id}"
Include = Annotated[
    list[str] | None, Query(description="Taken, as OpenAI's API does: whatever is kept is always told")
]


def item_router(items: Items) -> APIRouter:
    """The items of a caller's conversations."""
    router = APIRouter(tags=["conversations"], responses={**UNKNOWN, **DOWN})
    _add_all(router, items)
    _add_calls(router, items)
    _add_one(router, items)
    return router


def _add_all(router: APIRouter, items: Items) -> None:
    @router.post(ITEMS, summary="Append items")
    async def create_items(
        caller: SignedIn,
        conversation_id: ConversationId,
        body: ItemsAsk,
        branch: BranchOf = None,
        include: Include = None,  # noqa: ARG001  OpenAI's
    ) -> Page[ConversationItem]:
        """Append up to 20 items behind each other, all or none. The answer holds them in their order."""
        return await items.append(caller, conversation_id, body.items, branch)

    @router.get(ITEMS, summary="List items")
    async def list_items(
        caller: SignedIn,
        conversation_id: ConversationId,
        paging: Paging,
        branch: BranchOf = None,
        include: Include = None,  # noqa: ARG001  OpenAI's
    ) -> Page[ConversationItem]:
        """The items of a branch with those that it shares with its parents, the newest first. None is
        skipped or repeated while others are written or deleted."""
        return await items.page(caller, conversation_id, paging, branch)


def _add_calls(router: APIRouter, items: Items) -> None:
    @router.get(BY_CALL, summary="Find a call")
    async def read_call(
        caller: SignedIn, conversation_id: ConversationId, call_id: CallId
    ) -> ConversationItem:
        """The call of a tool by its call_id, the newest if there are several; its output where there is no
        call."""
        return await items.by_call(caller, conversation_id, call_id)

    @router.patch(BY_CALL, summary="Tell what became of a call")
    async def tell_call(
        caller: SignedIn, conversation_id: ConversationId, call_id: CallId, body: CallResult
    ) -> ConversationItem:
        """Note the result of an `mcp_call` with this call_id. What is left out stays."""
        return await items.tell_result(caller, conversation_id, call_id, body)


def _add_one(router: APIRouter, items: Items) -> None:
    @router.get(ITEM, summary="Read an item")
    async def read_item(
        caller: SignedIn,
        conversation_id: ConversationId,
        item_id: ItemId,
        include: Include = None,  # noqa: ARG001  OpenAI's
    ) -> ConversationItem:
        """An item, on whichever branch it is."""
        return await items.read(caller, conversation_id, item_id)

    @router.delete(ITEM, summary="Delete an item")
    async def delete_item(caller: SignedIn, conversation_id: ConversationId, item_id: ItemId) -> Conversation:
        """Delete an item from all branches that share it. Its place is not used again. The answer is the
        conversation."""
        return await items.delete(caller, conversation_id, item_id)
