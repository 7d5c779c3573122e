"""A caller's responses, found by their ids; an unknown one and another tenant's are told alike."""

from api_edge.errors import shown
from contracts.errors import ApiError, ErrorCode
from contracts.ids import RESPONSE, is_id
from infra.database import Transaction
from infra.store.responses import OPEN, ResponseRow, response_at


async def found(session: Transaction, tenant: str, response_id: str, param: str | None = None) -> ResponseRow:
    """A response that can be read. Raises ApiError, 404."""
    row = None
    if is_id(response_id, RESPONSE):
        row = await response_at(session, tenant, response_id)
    if row is None:
        raise no_response(response_id, param)
    return row


def no_response(response_id: str, param: str | None = None) -> ApiError:
    """What is told of one that is not there."""
    return ApiError(ErrorCode.NOT_FOUND, f"There is no response {shown(response_id)!r}", param=param)


def has_ended(row: ResponseRow) -> bool:
    """Whether it changes no more."""
    return row.status not in OPEN


def job_of(response_id: str) -> str:
    """The ULID that a response shares with its job."""
    return response_id.removeprefix(RESPONSE)
