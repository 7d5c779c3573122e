"""What goes wrong on the way to a provider, as the error that our caller gets; no address is named in it."""

from aiohttp import (
    ClientConnectionError,
    ClientConnectorDNSError,
    ClientConnectorError,
    ClientError,
    ClientSSLError,
    ConnectionTimeoutError,
    InvalidURL,
)

from contracts.errors import ApiError, ErrorCode
from workers.completion.core import may_pass

_REASONS: tuple[tuple[type[ClientError], ErrorCode, str], ...] = (
    (
        ConnectionTimeoutError,
        ErrorCode.PROVIDER_TIMEOUT,
        "No connection to the provider could be made in time.",
    ),
    (ClientConnectorDNSError, ErrorCode.PROVIDER_UNREACHABLE, "The provider's address cannot be resolved."),
    (InvalidURL, ErrorCode.PROVIDER_UNREACHABLE, "The provider's address is not valid."),
    (ClientSSLError, ErrorCode.PROVIDER_UNREACHABLE, "No secure connection to the provider could be made."),
    (ClientConnectorError, ErrorCode.PROVIDER_UNREACHABLE, "The provider does not accept connections."),
    (ClientConnectionError, ErrorCode.PROVIDER_UNREACHABLE, "The provider closed the connection unanswered."),
    (ClientError, ErrorCode.PROVIDER_BAD_ANSWER, "The provider's answer is not HTTP."),
)
"""The first class that fits tells; the narrow ones stand before those that they inherit from."""


def no_answer(error: ClientError) -> ApiError:
    """The error for a request that got no answer at all."""
    failure = next(ApiError(code, sentence) for kind, code, sentence in _REASONS if isinstance(error, kind))
    passes = isinstance(error, ClientConnectionError) and not isinstance(error, ClientSSLError)
    return may_pass(failure) if passes else failure


def cut() -> ApiError:
    """The error for an answer that broke off."""
    sentence = "The connection to the provider broke in the midst of its answer."
    return may_pass(ApiError(ErrorCode.PROVIDER_STREAM_CUT, sentence))
