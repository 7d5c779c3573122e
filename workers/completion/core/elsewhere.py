"""Where a failed call may go on: to another endpoint, or another provider of the same model.

    the request's own fault (400, 413)       nowhere: everybody would refuse it
    cancelled, or out of the whole time      nowhere
    the model isn't there (404)              elsewhere: another provider may have it
    our key or credit (401, 402, 403)        elsewhere
    too much media to be sent as data        elsewhere: another provider may take links
    everything else                          elsewhere

All but the first two say that an endpoint is ill, too, unless it only limits us, lacks the model, does not go
on with an answer that was begun, or was not asked at all.
"""

from contracts.errors import ApiError, ErrorCode, ErrorType

NOWHERE = frozenset({ErrorCode.CANCELLED, ErrorCode.DEADLINE_EXCEEDED, ErrorCode.DEPENDENCY_DOWN})


class NotAsked(ApiError):
    """Why a provider could not be asked, which tells nothing of the provider."""


def goes_elsewhere(error: ApiError) -> bool:
    """Whether somebody else may answer what this failure left unanswered."""
    if isinstance(error, NotAsked):
        return error.detail.code == ErrorCode.BODY_TOO_LARGE
    return error.detail.type is not ErrorType.INVALID_REQUEST and error.detail.code not in NOWHERE


def is_illness(error: ApiError) -> bool:
    """Whether a failure tells that its endpoint does not work as it should."""
    if error.detail.code == ErrorCode.WORKER_LOST or isinstance(error, NotAsked):
        return False
    return goes_elsewhere(error) and error.detail.type is ErrorType.INTERNAL


def is_limit(error: ApiError) -> bool:
    """Whether an endpoint is well, and has enough of us."""
    return error.detail.type is ErrorType.RATE_LIMIT
