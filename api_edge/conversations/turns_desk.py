"""What stands behind the routes of turns: where they fork, and the questions that are edited."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from contracts.envelope import Caller
from contracts.errors import ApiError, ErrorCode
from contracts.ids import CONVERSATION, is_id, new_id
from contracts.jobs import Turn
from contracts.wire.items import MESSAGE, ItemError, StoredItem, new_item_id, shown, stored
from contracts.wire.storable import is_storable
from contracts.wire.turns import Edited
from infra.database import Database, Transaction
from infra.store.branches import MAX_BRANCHES
from infra.store.conversations import conversation_at
from infra.store.items import ItemRow, item_at
from infra.store.turns import (
    NewItem,
    NewTurn,
    append_turn,
    count_branches,
    last_before,
    model_behind,
)

JsonObject = dict[str, Any]  # OpenAI's items, open by nature
EDIT, REGENERATE = "EDIT_", "REGEN_"


@dataclass(frozen=True)
class Fork:
    """Where a conversation is taken another way."""

    turn: Turn
    model: str | None
    """The model that answered there before."""


class TurnDesk:
    """Forks conversations."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def answered_again(self, tenant: str, conversation_id: str, item_id: str) -> Fork:
        """Behind the question of an answer. Raises ApiError: 400 where the item is no answer, 404 or 503."""
        async with self._database.begin() as session:
            item, title = await _found(session, tenant, conversation_id, item_id)
            if item.role != "assistant":
                message = "Only a message of the assistant can be made again"
                raise ApiError(ErrorCode.INVALID_VALUE, message, param="item_id")
            question = await last_before(session, item, role="user")
        if question is None:
            message = "Nothing was asked before this message"
            raise ApiError(ErrorCode.INVALID_VALUE, message, param="item_id")
        turn = _forked(item, question.seq, title, REGENERATE)
        return Fork(turn.model_copy(update={"question_id": question.item_id}), item.model)

    async def asked_again(self, tenant: str, conversation_id: str, item_id: str) -> Fork:
        """In front of a question. Raises ApiError as above."""
        async with self._database.begin() as session:
            item, title = await _question(session, tenant, conversation_id, item_id)
            before = await last_before(session, item)
            model = await model_behind(session, item)
        return Fork(_forked(item, 0 if before is None else before.seq, title, EDIT), model)

    async def edit(
        self, caller: Caller, conversation_id: str, item_id: str, content: str | list[JsonObject]
    ) -> Edited:
        """Put another wording of a question on a branch of its own, which is then the active one.

        Raises ApiError as above.
        """
        item = asked(content)
        async with self._database.begin() as session:
            await conversation_at(session, caller.tenant, conversation_id, is_locked=True)
            question, title = await _question(session, caller.tenant, conversation_id, item_id)
            before = await last_before(session, question)
            turn = _forked(question, 0 if before is None else before.seq, title, EDIT)
            new = _edited(caller, turn, item)
            await append_turn(session, new, datetime.now(UTC))
            row = await item_at(session, caller.tenant, conversation_id, new.items[0].item_id)
        assert row is not None  # noqa: S101  it was appended just now
        return Edited(
            branch=row.branch,
            old_main_backup=turn.branch,
            branch_created=True,
            new_branch=row.branch,
            user_item=shown(row),
        )


def asked(content: str | list[JsonObject]) -> StoredItem:
    """A question as it is kept. Raises ApiError naming the part that is wrong."""
    try:
        return stored({"type": MESSAGE, "role": "user", "content": content})
    except ItemError as error:
        raise ApiError(ErrorCode.INVALID_VALUE, f"{error.field} {error}", param=error.field) from error


async def _question(
    session: Transaction, tenant: str, conversation_id: str, item_id: str
) -> tuple[ItemRow, str | None]:
    item, title = await _found(session, tenant, conversation_id, item_id)
    if item.role != "user":
        message = "Only a message of the user can be edited"
        raise ApiError(ErrorCode.INVALID_VALUE, message, param="item_id")
    return item, title


async def _found(
    session: Transaction, tenant: str, conversation_id: str, item_id: str
) -> tuple[ItemRow, str | None]:
    """An item that a branch may begin at, and its conversation's title."""
    conversation = None
    if is_id(conversation_id, CONVERSATION):
        conversation = await conversation_at(session, tenant, conversation_id)
    if conversation is None:
        raise ApiError(ErrorCode.NOT_FOUND, "There is no such conversation", param="conversation_id")
    item = await item_at(session, tenant, conversation_id, item_id) if is_storable(item_id) else None
    if item is None:
        raise ApiError(ErrorCode.NOT_FOUND, "There is no such item", param="item_id")
    if await count_branches(session, conversation_id) >= MAX_BRANCHES:
        message = f"The conversation has {MAX_BRANCHES} branches, which is the most; delete one"
        raise ApiError(ErrorCode.CONFLICT, message)
    return item, conversation.title


def _forked(item: ItemRow, after: int, title: str | None, prefix: str) -> Turn:
    return Turn(
        conversation_id=item.conversation_id,
        branch=item.branch,
        after=after,
        title=title,
        new_branch=new_id(prefix),
    )


def _edited(caller: Caller, turn: Turn, item: StoredItem) -> NewTurn:
    return NewTurn(
        tenant=caller.tenant,
        user_id=caller.user_id,
        conversation_id=turn.conversation_id,
        items=[NewItem(new_item_id(item.type), item.type, item.data, item.role)],
        branch=turn.branch,
        new_branch=turn.new_branch,
        after=turn.after,
    )
