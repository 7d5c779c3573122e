"""What becomes of a job whose client goes away: the header `X-On-Disconnect`."""

from enum import StrEnum

from starlette.types import Scope

from api_edge.middleware.body import header
from contracts.errors import ApiError, ErrorCode

NAME = "X-On-Disconnect"
HEADER = NAME.lower().encode()


class OnDisconnect(StrEnum):
    """What a client wants for when it is gone."""

    CANCEL = "cancel"
    """What nobody waits for is not made any further."""
    DETACH = "detach"
    """The job goes on, and its answer can be asked for later."""


def on_disconnect(scope: Scope) -> OnDisconnect | None:
    """What a request says of it, if it does. Raises ApiError."""
    given = header(scope, HEADER)
    if given is None:
        return None
    try:
        return OnDisconnect(given.decode("latin-1").strip().lower())
    except ValueError as error:
        message = f"{NAME} must be cancel or detach"
        raise ApiError(ErrorCode.INVALID_VALUE, message, param=NAME) from error
