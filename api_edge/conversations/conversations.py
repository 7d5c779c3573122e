"""A caller's conversations: begun, listed, changed, deleted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from api_edge.conversations.finding import found_conversation, found_project
from api_edge.conversations.items import checked_items
from api_edge.middleware.paging import PageAsk, page_of
from contracts.envelope import Caller
from contracts.errors import ApiError, ErrorCode
from contracts.ids import CONVERSATION, is_id, new_id
from contracts.wire.conversations import (
    Conversation,
    ConversationAsk,
    ConversationChange,
    ConversationDeleted,
    ConversationsDeleted,
    shown_conversation,
)
from contracts.wire.lists import Page
from infra.database import Database
from infra.store.conversations import (
    MAIN,
    ConversationRow,
    Wanted,
    conversations_of,
    delete_conversations,
    delete_some_conversations,
)
from infra.store.items import append_items

AT_ONCE = 20
"""Conversations that one transaction deletes: their items go with them, within a statement's time."""
MAX_TOLD = 5
"""Unknown ids that an error names."""


@dataclass(frozen=True)
class Conversations:
    """What a caller does with their conversations."""

    database: Database

    async def create(self, caller: Caller, ask: ConversationAsk) -> Conversation:
        """A new conversation, with its first items. Raises ApiError."""
        items = checked_items(ask.items or [])
        now = datetime.now(UTC)
        async with self.database.begin() as session:
            row = ConversationRow(
                conversation_id=new_id(CONVERSATION),
                tenant=caller.tenant,
                user_id=caller.user_id,
                title=ask.title,
                meta=ask.metadata or {},
                project_id=await found_project(session, caller, ask.project_id),
                referrer=ask.referrer,
                created_at=now,
                updated_at=now,
            )
            session.add(row)
            await session.flush()
            await append_items(session, row, MAIN, items, now)
        return shown_conversation(row)

    async def page(
        self, caller: Caller, ask: PageAsk, project_id: str | None, referrer: str | None
    ) -> Page[Conversation]:
        """The caller's conversations. Raises ApiError: for an unknown `after`, or an unknown project."""
        async with self.database.begin() as session:
            project = await found_project(session, caller, project_id)
            rows, has_more = await conversations_of(
                session,
                Wanted(caller.tenant, project, referrer),
                limit=ask.limit,
                after=ask.after,
                order=ask.order,
            )
        return page_of([shown_conversation(row) for row in rows], has_more, lambda one: one.id)

    async def read(self, caller: Caller, conversation_id: str) -> Conversation:
        """A conversation. Raises ApiError: 404."""
        async with self.database.begin() as session:
            return shown_conversation(await found_conversation(session, caller, conversation_id))

    async def change(self, caller: Caller, conversation_id: str, change: ConversationChange) -> Conversation:
        """A conversation, as it is then. Raises ApiError: 404, for its project too."""
        async with self.database.begin() as session:
            row = await found_conversation(session, caller, conversation_id, is_locked=True)
            for name in change.model_fields_set & {"title", "referrer"}:
                setattr(row, name, getattr(change, name))
            if "metadata" in change.model_fields_set:
                row.meta = change.metadata or {}
            if "project_id" in change.model_fields_set:
                row.project_id = await found_project(session, caller, change.project_id)
            row.updated_at = datetime.now(UTC)
            session.add(row)
        return shown_conversation(row)

    async def delete(self, caller: Caller, conversation_id: str) -> ConversationDeleted:
        """Delete a conversation, with all that it holds. Raises ApiError: 404."""
        async with self.database.begin() as session:
            row = await found_conversation(session, caller, conversation_id, is_locked=True)
            await delete_conversations(session, caller.tenant, [row.conversation_id])
        return ConversationDeleted(id=conversation_id)

    async def delete_these(self, caller: Caller, ids: Sequence[str]) -> ConversationsDeleted:
        """Delete all of these, or none. Raises ApiError: 400 for an id that is told twice, 404 for those that
        are unknown."""
        if len(set(ids)) < len(ids):
            raise ApiError(ErrorCode.INVALID_VALUE, "ids must not name one twice", param="ids")
        known = [one for one in ids if is_id(one, CONVERSATION)]
        async with self.database.begin() as session:
            deleted = await delete_conversations(session, caller.tenant, known)
            missing = [one for one in ids if one not in deleted]
            if missing:
                raise ApiError(ErrorCode.NOT_FOUND, _no_such(missing), param="ids")
        return ConversationsDeleted(deleted_count=len(deleted))

    async def delete_all(self, caller: Caller) -> ConversationsDeleted:
        """Delete all of the caller's, some at a time: failed on the way, it goes on when asked again."""
        count = 0
        while True:
            async with self.database.begin() as session:
                deleted = await delete_some_conversations(session, caller.tenant, AT_ONCE)
            count += deleted
            if deleted < AT_ONCE:
                return ConversationsDeleted(deleted_count=count)


def _no_such(missing: Sequence[str]) -> str:
    """Which are unknown; ids that can't be one are counted, not repeated."""
    told = [one for one in missing if is_id(one, CONVERSATION)][:MAX_TOLD]
    more = len(missing) - len(told)
    beyond = f" and {more} more" if told and more else f"{more} of these ids" if more else ""
    return f"Nothing was deleted: there is no conversation {', '.join(told)}{beyond}"
