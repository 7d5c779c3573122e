"""A conversation's items: appended, listed, found by their calls, deleted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from api_edge.conversations.finding import found_branch, found_conversation, found_item
from api_edge.middleware.paging import PageAsk, page_of
from contracts.envelope import Caller
from contracts.errors import ApiError, ErrorCode
from contracts.wire.conversations import CallResult, Conversation, ConversationItem, shown_conversation
from contracts.wire.items import MCP_CALL, ItemError, StoredItem, shown, stored
from contracts.wire.lists import Page
from contracts.wire.storable import is_storable, unkept
from infra.database import Database
from infra.store.items import ItemRow, append_items, delete_item, item_by_call, items_of

MAX_PARAM = 128
"""Characters of a field's path that are told."""

JsonObject = dict[str, Any]  # OpenAI's items, open by nature


@dataclass(frozen=True)
class Items:
    """What a caller does with the items of their conversations."""

    database: Database

    async def append(
        self, caller: Caller, conversation_id: str, items: Sequence[JsonObject], branch: str | None
    ) -> Page[ConversationItem]:
        """The new items, in their order. Raises ApiError."""
        checked = checked_items(items)
        async with self.database.begin() as session:
            row = await found_conversation(session, caller, conversation_id, is_locked=True)
            name = await found_branch(session, row, branch, param="branch")
            rows = await append_items(session, row, name, checked, datetime.now(UTC))
        return page_of([shown_item(item) for item in rows], False, lambda item: item.id)  # noqa: FBT003

    async def page(
        self, caller: Caller, conversation_id: str, ask: PageAsk, branch: str | None
    ) -> Page[ConversationItem]:
        """Items of a branch. Raises ApiError."""
        async with self.database.begin() as session:
            row = await found_conversation(session, caller, conversation_id)
            name = await found_branch(session, row, branch, param="branch")
            rows, has_more = await items_of(
                session, row, name, limit=ask.limit, after=ask.after, order=ask.order
            )
        return page_of([shown_item(item) for item in rows], has_more, lambda item: item.id)

    async def read(self, caller: Caller, conversation_id: str, item_id: str) -> ConversationItem:
        """An item, on whichever branch. Raises ApiError: 404."""
        async with self.database.begin() as session:
            row = await found_conversation(session, caller, conversation_id)
            return shown_item(await found_item(session, row, item_id))

    async def delete(self, caller: Caller, conversation_id: str, item_id: str) -> Conversation:
        """Delete an item, from all branches that share it. Raises ApiError: 404."""
        async with self.database.begin() as session:
            row = await found_conversation(session, caller, conversation_id, is_locked=True)
            await delete_item(session, await found_item(session, row, item_id))
            row.updated_at = datetime.now(UTC)
            session.add(row)
        return shown_conversation(row)

    async def by_call(self, caller: Caller, conversation_id: str, call_id: str) -> ConversationItem:
        """The call of this id, or its output where there is no call. Raises ApiError: 404."""
        async with self.database.begin() as session:
            row = await found_conversation(session, caller, conversation_id)
            item = None
            if is_storable(call_id):
                item = await item_by_call(session, row.tenant, row.conversation_id, call_id)
            return shown_item(_called(item))

    async def tell_result(
        self, caller: Caller, conversation_id: str, call_id: str, result: CallResult
    ) -> ConversationItem:
        """Note what became of an MCP tool's call. Raises ApiError: 404 where there is none of this id."""
        _check_error(result)
        async with self.database.begin() as session:
            row = await found_conversation(session, caller, conversation_id, is_locked=True)
            item = None
            if is_storable(call_id):
                item = await item_by_call(
                    session, row.tenant, row.conversation_id, call_id, item_type=MCP_CALL
                )
            item = _called(item)
            item.status = result.status
            item.data = {**item.data, **_told(result)}
            session.add(item)
            row.updated_at = datetime.now(UTC)
            session.add(row)
        return shown_item(item)


def shown_item(row: ItemRow) -> ConversationItem:
    """An item as clients see it."""
    return ConversationItem.model_validate(shown(row))


def checked_items(items: Sequence[JsonObject]) -> list[StoredItem]:
    """A client's items as they are kept. Raises ApiError naming the field that is wrong."""
    return [_checked(item, f"items[{at}]") for at, item in enumerate(items)]


def _checked(item: JsonObject, path: str) -> StoredItem:
    try:
        return stored(item)
    except ItemError as error:
        param = f"{path}.{error.field}"[:MAX_PARAM] if error.field else path
        raise ApiError(ErrorCode.INVALID_VALUE, f"{param} {error}", param=param) from None


def _called(item: ItemRow | None) -> ItemRow:
    if item is None:
        raise ApiError(ErrorCode.NOT_FOUND, "The conversation has no such call")
    return item


def _told(result: CallResult) -> JsonObject:
    given = result.model_fields_set & type(result).model_fields.keys() - {"status"}
    return {name: getattr(result, name) for name in sorted(given)}


def _check_error(result: CallResult) -> None:
    bad = unkept(result.error, "error")
    if bad is not None:
        where, why = bad
        raise ApiError(ErrorCode.INVALID_VALUE, f"{where} {why}"[:MAX_PARAM], param=where[:MAX_PARAM])
