"""What a caller's request names: found, or told that there is no such thing, whoever else may have it."""

from contracts.envelope import Caller
from contracts.errors import ApiError, ErrorCode
from contracts.ids import CONVERSATION, PROJECT, is_id
from contracts.wire.storable import is_storable
from infra.database import Transaction
from infra.store.branches import has_branch
from infra.store.conversations import ConversationRow, conversation_at, hold_project
from infra.store.items import ItemRow, item_at


async def found_conversation(
    session: Transaction, caller: Caller, conversation_id: str, *, is_locked: bool = False
) -> ConversationRow:
    """A conversation of the caller's. Raises ApiError: 404."""
    row = None
    if is_id(conversation_id, CONVERSATION):
        row = await conversation_at(session, caller.tenant, conversation_id, is_locked=is_locked)
    if row is None:
        raise ApiError(ErrorCode.NOT_FOUND, "There is no such conversation")
    return row


async def found_item(
    session: Transaction, row: ConversationRow, item_id: str, *, param: str | None = None
) -> ItemRow:
    """An item of a conversation. Raises ApiError: 404."""
    item = None
    if is_storable(item_id):
        item = await item_at(session, row.tenant, row.conversation_id, item_id)
    if item is None:
        raise ApiError(ErrorCode.NOT_FOUND, "The conversation has no such item", param=param)
    return item


async def found_branch(
    session: Transaction, row: ConversationRow, name: str | None, *, param: str | None = None
) -> str:
    """The name of a conversation's branch, of the active one where none is named. Raises ApiError: 404."""
    if name is None:
        return row.active_branch
    if not is_storable(name) or not await has_branch(session, row.conversation_id, name):
        raise ApiError(ErrorCode.NOT_FOUND, "The conversation has no such branch", param=param)
    return name


async def found_project(session: Transaction, caller: Caller, project_id: str | None) -> str | None:
    """A project of the caller's, which is there until the transaction ends; None for none. Raises ApiError:
    404."""
    if project_id is None:
        return None
    if not is_id(project_id, PROJECT) or not await hold_project(session, caller.tenant, project_id):
        raise ApiError(ErrorCode.NOT_FOUND, "There is no such project", param="project_id")
    return project_id
