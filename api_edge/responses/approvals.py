"""Calls that an earlier response asked for, and that its client allows or refuses now."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from api_edge.errors import shown
from api_edge.responses.fields import invalid
from api_edge.responses.inputs import APPROVAL, Put
from api_edge.responses.offers import Offers
from contracts.errors import ApiError, ErrorCode
from contracts.ids import RESPONSE, derived_ulid
from contracts.responses.plan import Called, Offered, OfferKind
from contracts.wire.items import MCP_CALL, PREFIXES
from infra.database import Transaction
from infra.store.response_items import item_of_chain

REQUEST = "mcp_approval_request"

JsonObject = dict[str, Any]  # OpenAI's items, open by nature


@dataclass(frozen=True)
class Approved:
    """A call that is allowed."""

    request: JsonObject
    """The item that asked."""
    offered: Offered


async def approved(
    session: Transaction, tenant: str, previous: str | None, items: Sequence[Put], offers: Offers
) -> list[Approved]:
    """The calls that the input allows. Raises ApiError for what nobody asked, or is offered no more."""
    here = {put.item["id"]: put.item for put in items if put.item["type"] == REQUEST}
    allowed: dict[str, Approved] = {}
    for at, put in enumerate(items):
        if put.item["type"] != APPROVAL:
            continue
        request_id = put.item["approval_request_id"]
        request = here.get(request_id) or await _asked(session, tenant, previous, request_id)
        if request is None:
            message = f"There is no mcp_approval_request {shown(request_id)!r} to be answered"
            raise ApiError(ErrorCode.NOT_FOUND, message, param=f"input[{at}].approval_request_id")
        if put.item["approve"]:
            allowed[request_id] = Approved(request, _offered(request, offers, at))
    return list(allowed.values())


def called_of(one: Approved, at: int, response_id: str) -> Called:
    """The call, as an output item at this place."""
    item_id = PREFIXES[MCP_CALL] + derived_ulid(response_id.removeprefix(RESPONSE), f"output {at}")
    return Called(
        output_index=at,
        item_id=item_id,
        call_id=item_id,
        name=one.offered.name,
        arguments=_text(one.request.get("arguments")),
        offered=one.offered,
        approval_request_id=str(one.request["id"]),
    )


async def _asked(
    session: Transaction, tenant: str, previous: str | None, request_id: str
) -> JsonObject | None:
    if previous is None:
        return None
    row = await item_of_chain(session, tenant, previous, request_id)
    return row.item if row is not None and row.item.get("type") == REQUEST else None


def _offered(request: JsonObject, offers: Offers, at: int) -> Offered:
    label, name = request.get("server_label"), request.get("name")
    for one in offers.offered:
        if one.kind is OfferKind.MCP and one.server_label == label and name in (one.shown_name, one.name):
            return one
    where = f"{_text(name)!r} of the server {_text(label)!r}"
    raise invalid(f"input[{at}]", f"allows a call of {where}, which is not among this request's tools")


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
