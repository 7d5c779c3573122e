"""What a response is asked with: a text or items, made whole and named.

A reference to an item stands for the item as it is kept: of the response that this one goes on from, or of
one before that; else of any response that the caller stored.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from api_edge.errors import shown
from api_edge.responses.fields import invalid
from contracts.errors import ApiError, ErrorCode
from contracts.wire.items import MESSAGE, ItemError, StoredItem, new_item_id, stored
from infra.database import Transaction
from infra.store.response_items import item_at, item_of_chain

REFERENCE = "item_reference"
APPROVAL = "mcp_approval_response"
WITHOUT_STATUS = frozenset({"mcp_approval_request", APPROVAL, "mcp_list_tools", "compaction"})
MAX_ID = 256
MAX_TEXT = 10_485_760
"""Characters, as OpenAI has it: here a body's limit is reached before."""

JsonObject = dict[str, Any]  # OpenAI's items, open by nature


@dataclass(frozen=True)
class Put:
    """An item that was put in."""

    item: JsonObject
    """As it is shown."""
    said: JsonObject | None = field(default=None)
    """Of a call that is referred to: what the model was told of it."""


@dataclass(frozen=True)
class Reference:
    """An item that is kept already."""

    item_id: str
    path: str


def read_input(given: str | Sequence[JsonObject] | None) -> list[Put | Reference]:
    """The items of a request. Raises ApiError naming the part that is wrong."""
    if given is None:
        return []
    if isinstance(given, str):
        content = [{"type": "input_text", "text": given}]
        return [Put(_shown(StoredItem(MESSAGE, {"content": content}, "user"), new_item_id(MESSAGE)))]
    return [_read(item, f"input[{at}]") for at, item in enumerate(given)]


async def looked_up(
    session: Transaction, tenant: str, previous: str | None, items: Sequence[Put | Reference]
) -> list[Put]:
    """The same with what is referred to. Raises ApiError, 404, where that is not kept."""
    return [
        await _looked_up(session, tenant, previous, item) if isinstance(item, Reference) else item
        for item in items
    ]


def _read(item: JsonObject, path: str) -> Put | Reference:
    item_id = item.get("id")
    is_named = isinstance(item_id, str) and 0 < len(item_id) <= MAX_ID
    if not is_named and item_id is not None:
        raise invalid(f"{path}.id", f"must be a text of 1 to {MAX_ID} characters")
    kind = item.get("type")
    if kind == REFERENCE or (kind is None and is_named and "role" not in item):
        if item_id is None:
            raise ApiError(ErrorCode.MISSING_PARAMETER, f"{path}.id is required", param=f"{path}.id")
        return Reference(str(item_id), path)
    try:
        kept = stored(item, MAX_TEXT)
    except ItemError as error:
        where = f"{path}.{error.field}" if error.field else path
        raise ApiError(ErrorCode.INVALID_VALUE, f"{where} {error}", param=where) from error
    if kept.type == APPROVAL:
        _check_approval(kept.data, path)
    return Put(_shown(kept, str(item_id) if is_named else new_item_id(kept.type)))


def _shown(item: StoredItem, item_id: str) -> JsonObject:
    said: JsonObject = {"id": item_id, "type": item.type}
    if item.role is not None:
        said["role"] = item.role
    if item.type not in WITHOUT_STATUS:
        said["status"] = item.status
    if item.call_id is not None:
        said["call_id"] = item.call_id
    return said | item.data


def _check_approval(data: JsonObject, path: str) -> None:
    request_id = data.get("approval_request_id")
    if not isinstance(request_id, str) or not 0 < len(request_id) <= MAX_ID:
        raise invalid(f"{path}.approval_request_id", "must be the id of an mcp_approval_request")
    if not isinstance(data.get("approve"), bool):
        raise invalid(f"{path}.approve", "must be true or false")


async def _looked_up(session: Transaction, tenant: str, previous: str | None, reference: Reference) -> Put:
    row = None
    if previous is not None:
        row = await item_of_chain(session, tenant, previous, reference.item_id)
    if row is None:
        row = await item_at(session, tenant, reference.item_id)
    if row is None:
        message = f"There is no item {shown(reference.item_id)!r} in a stored response"
        raise ApiError(ErrorCode.NOT_FOUND, message, param=f"{reference.path}.id")
    return Put(row.item, row.said)
