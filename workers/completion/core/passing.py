"""Failures that may pass: the same request may succeed later.

    no connection, or one that closed unanswered      the provider restarts, or the way to it does
    a status of RETRYABLE, or an error that names one   it says so itself
    an answer that broke off, or an error inside it     where the caller has seen nothing of it yet

Everything else would only fail again: a request that the provider refuses, an account that is used up, an
answer that is no completion; or has taken its time already: a provider that never began to speak.
"""

from contracts.errors import ApiError

RETRYABLE = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
USED_UP = "insufficient_quota"
"""The code of a 429 that no waiting helps."""


class MayPass(ApiError):
    """A failure of the provider that may pass."""

    after: float | None = None
    """Seconds to wait at least, as the provider said; not capped, unlike what its caller is told."""


def may_pass(error: ApiError, after: float | None = None) -> MayPass:
    """The same failure, as one that may pass."""
    passing = MayPass.of(error.detail)
    passing.after = after
    return passing


def reworded(error: ApiError, message: str) -> ApiError:
    """The same failure in other words; one that may pass still may."""
    other = type(error).of(error.detail.model_copy(update={"message": message}))
    if isinstance(error, MayPass) and isinstance(other, MayPass):
        other.after = error.after
    return other
