"""What a turn of a response is made of, read from the database: all that was said, and how it is asked."""

from collections.abc import Sequence
from dataclasses import dataclass

from contracts.errors import ApiError, ErrorCode
from contracts.jobs import ResponseTurn, Turn
from contracts.responses.draft import ResponseDraft
from contracts.responses.plan import ResponsePlan
from infra.database import Transaction
from infra.store.conversations import conversation_at
from infra.store.items import ItemRow
from infra.store.response_items import chained_items, said_of
from infra.store.responses import ResponseRow
from infra.store.turns import instruction_of, remembered_items
from workers.completion.core.jsontext import JsonObject
from workers.completion.core.telling import Told

MAX_ITEMS = 2_048
"""Of a conversation, however long it is."""
GONE = ApiError(ErrorCode.NOT_FOUND, "The response is not there any more")


@dataclass(frozen=True)
class Material:
    """All that the chat of a turn is made of."""

    model: str
    told: Sequence[Told]
    plan: ResponsePlan
    instructions: Sequence[str] = ()
    """The project's, and the response's own."""
    calls: int = 0
    """Calls of our tools that were made so far."""
    answered: int = 0
    """Tokens that the turns before have answered with."""


async def turn_material(session: Transaction, tenant: str, turn: ResponseTurn) -> Material:
    """Of a response that is there. Raises ApiError, 404."""
    row = await session.get(ResponseRow, turn.response_id)
    if row is None or row.tenant != tenant:
        raise GONE
    chained = await _chained(session, tenant, turn.response_id)
    place = _place(row)
    earlier, instruction = await _conversation(session, tenant, place) if place else ([], None)
    own = row.asked.get("instructions")
    return Material(
        row.model,
        [*earlier, *chained],
        ResponsePlan.model_validate(row.plan),
        [text for text in (instruction, own) if isinstance(text, str)],
        row.calls,
        (row.usage or {}).get("output_tokens", 0),
    )


async def draft_material(session: Transaction, tenant: str, model: str, draft: ResponseDraft) -> Material:
    """Of a response that is not made."""
    earlier: list[Told] = []
    instruction = None
    if draft.previous_response_id is not None:
        earlier = await _chained(session, tenant, draft.previous_response_id)
    elif draft.place is not None:
        earlier, instruction = await _conversation(session, tenant, draft.place)
    return Material(
        model,
        [*earlier, *(Told(one.item, one.said) for one in draft.items)],
        draft.plan,
        [text for text in (instruction, draft.instructions) if text is not None],
    )


async def _chained(session: Transaction, tenant: str, response_id: str) -> list[Told]:
    return [Told(one.item, one.said) for one in await chained_items(session, tenant, response_id)]


def _place(row: ResponseRow) -> Turn | None:
    if row.conversation_id is None:
        return None
    return Turn(conversation_id=row.conversation_id, branch=row.branch, after=row.after)


async def _conversation(session: Transaction, tenant: str, place: Turn) -> tuple[list[Told], str | None]:
    """What was said in the conversation up to this place, and the project's instruction."""
    found = await conversation_at(session, tenant, place.conversation_id)
    if found is None:
        return [], None
    left = MAX_ITEMS

    def is_enough(rows: Sequence[ItemRow]) -> bool:
        nonlocal left
        left -= len(rows)
        return left <= 0

    rows, _ = await remembered_items(session, found.conversation_id, place.branch, place.after, is_enough)
    said = await said_of(session, tenant, [one.item_id for one in rows])
    told = [Told(_item(one), said.get(one.item_id)) for one in rows]
    if found.project_id is None:
        return told, None
    return told, await instruction_of(session, tenant, found.project_id)


def _item(row: ItemRow) -> JsonObject:
    """A conversation's item, as a response has it."""
    about = {"id": row.item_id, "type": row.type, "role": row.role, "call_id": row.call_id}
    return {name: value for name, value in about.items() if value is not None} | row.data
