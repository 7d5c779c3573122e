"""The routes of conversations."""

from typing import Annotated

from fastapi import APIRouter, Query

from api_edge.conversations.conversations import Conversations
from api_edge.conversations.paths import CONVERSATION, CONVERSATIONS, DOWN, UNKNOWN, ConversationId
from api_edge.middleware.identity import SignedIn
from api_edge.middleware.paging import Paging
from contracts.wire.conversations import (
    MAX_ID,
    MAX_REFERRER,
    BulkDeleteAsk,
    Conversation,
    ConversationAsk,
    ConversationChange,
    ConversationDeleted,
    ConversationsDeleted,
)
from contracts.wire.lists import Page

OfProject = Annotated[
    str | None,
    Query(
        min_length=1,
        max_length=MAX_ID,
        description="Those of this project alone",
        examples=["proj_01KB3M5Q8Z7V2T4X6Y8W0R1S2T"],
    ),
]
OfReferrer = Annotated[
    str | None,
    Query(
        min_length=1,
        max_length=MAX_REFERRER,
        pattern=r"^[^\x00]*$",
        description="Those that were begun there alone",
        examples=["desktop"],
    ),
]


def conversation_router(conversations: Conversations) -> APIRouter:
    """A caller's conversations."""
    router = APIRouter(tags=["conversations"], responses=DOWN)
    _add_all(router, conversations)
    _add_one(router, conversations)
    return router


def _add_all(router: APIRouter, conversations: Conversations) -> None:
    @router.post(CONVERSATIONS, summary="Begin a conversation", responses=UNKNOWN)
    async def create_conversation(caller: SignedIn, body: ConversationAsk | None = None) -> Conversation:
        """A new conversation, with its first items if there are any. Name it as `conversation` in a chat: its
        items reach the model then, and the turn is appended."""
        return await conversations.create(caller, body or ConversationAsk())

    @router.get(CONVERSATIONS, summary="List conversations", responses=UNKNOWN)
    async def list_conversations(
        caller: SignedIn, paging: Paging, project_id: OfProject = None, referrer: OfReferrer = None
    ) -> Page[Conversation]:
        """The caller's conversations, the newest first. An unknown project is an error."""
        return await conversations.page(caller, paging, project_id, referrer)

    @router.post(f"{CONVERSATIONS}/bulk-delete", summary="Delete several conversations", responses=UNKNOWN)
    async def delete_these_conversations(caller: SignedIn, body: BulkDeleteAsk) -> ConversationsDeleted:
        """Delete them with all that they hold. Where one is unknown, the error names it and none is
        deleted."""
        return await conversations.delete_these(caller, body.ids)

    @router.delete(CONVERSATIONS, summary="Delete all conversations")
    async def delete_all_conversations(caller: SignedIn) -> ConversationsDeleted:
        """Delete all of the caller's conversations. Where there are none, that is what it answers."""
        return await conversations.delete_all(caller)


def _add_one(router: APIRouter, conversations: Conversations) -> None:
    @router.get(CONVERSATION, summary="Read a conversation", responses=UNKNOWN)
    async def read_conversation(caller: SignedIn, conversation_id: ConversationId) -> Conversation:
        """A conversation, without its items."""
        return await conversations.read(caller, conversation_id)

    @router.post(CONVERSATION, summary="Change a conversation", responses=UNKNOWN)
    async def change_conversation(
        caller: SignedIn, conversation_id: ConversationId, body: ConversationChange
    ) -> Conversation:
        """Change what is sent, and leave the rest. `metadata` takes the place of what there was, null
        clears."""
        return await conversations.change(caller, conversation_id, body)

    @router.patch(CONVERSATION, summary="Change a conversation, by PATCH", responses=UNKNOWN)
    async def patch_conversation(
        caller: SignedIn, conversation_id: ConversationId, body: ConversationChange
    ) -> Conversation:
        """The same as POST, which is OpenAI's method."""
        return await conversations.change(caller, conversation_id, body)

    @router.delete(CONVERSATION, summary="Delete a conversation", responses=UNKNOWN)
    async def delete_conversation(caller: SignedIn, conversation_id: ConversationId) -> ConversationDeleted:
        """Delete a conversation with its items, branches and shares."""
        return await conversations.delete(caller, conversation_id)
