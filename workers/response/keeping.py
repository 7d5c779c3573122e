"""What else happens when a response ends: its conversation goes on with it, and webhooks are told."""

from collections.abc import Sequence
from datetime import datetime

from contracts.ids import JOB_ID_LENGTH
from contracts.responses.plan import ResponsePlan
from contracts.wire.items import MAX_CALL_ID, OURS, OURS_SHOWN
from infra.announcing import WebhookProducer, announce
from infra.database import Transaction
from infra.store.response_items import ResponseItemRow, items_of_response
from infra.store.responses import ResponseRow
from infra.store.turns import NewItem, NewTurn, append_turn
from infra.store.webhooks import record_event

KEEPS = frozenset({"completed", "incomplete"})
"""Ends with which a conversation goes on."""


class Afterwards:
    """Keeps what was said, and has webhooks told."""

    def __init__(self, producer: WebhookProducer) -> None:
        self._producer = producer

    async def ended(self, session: Transaction, row: ResponseRow, now: datetime) -> Sequence[str]:
        """Append the response to its conversation, and record who is to be told. Raises ApiError."""
        if row.conversation_id is not None and row.status in KEEPS:
            asked = await items_of_response(session, row.response_id, is_output=False)
            answered = await items_of_response(session, row.response_id, is_output=True)
            await append_turn(session, _turn(row, asked, answered), now)
        return await record_event(
            session,
            tenant=row.tenant,
            event_type=f"response.{row.status}",
            object_id=row.response_id,
            now=now,
            extra_url=ResponsePlan.model_validate(row.plan).webhook_url,
        )

    async def told(self, row: ResponseRow, deliveries: Sequence[str]) -> None:
        """Let webhooks be delivered now. What is not told here, their schedule finds."""
        await announce(self._producer, row.tenant, deliveries)


def _turn(row: ResponseRow, asked: list[ResponseItemRow], answered: list[ResponseItemRow]) -> NewTurn:
    items = [_new_item(one, None) for one in asked] + [_new_item(one, row.model) for one in answered]
    return NewTurn(
        tenant=row.tenant,
        user_id=row.user_id,
        conversation_id=row.conversation_id or "",
        items=items,
        job_id=row.response_id[-JOB_ID_LENGTH:],
        attempt=1,
        branch=row.branch,
    )


def _new_item(one: ResponseItemRow, model: str | None) -> NewItem:
    item = one.item
    call_id = item.get("call_id")
    return NewItem(
        item_id=one.item_id,
        type=item.get("type") or "message",
        data={name: value for name, value in item.items() if name not in OURS | OURS_SHOWN},
        role=item.get("role"),
        call_id=call_id[:MAX_CALL_ID] if isinstance(call_id, str) else None,
        model=model,
    )
