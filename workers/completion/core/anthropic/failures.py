"""Failures of Anthropic's that look like the asker's, and are ours."""

import re

from contracts.errors import ApiError, ErrorCode, ErrorType

_ACCOUNT = re.compile(r"credit balance is too low|API usage limits|spend(?:ing)? limit", re.IGNORECASE)
"""An account without credit, or over its limit, is refused with 400 invalid_request_error."""


def ours(error: ApiError) -> ApiError:
    """The error that our caller gets for it: another provider may answer, and our account is ours to know."""
    detail = error.detail
    if detail.type is not ErrorType.INVALID_REQUEST or not _ACCOUNT.search(detail.message):
        return error
    sentence = f"The provider refused this server's own credentials or account (status {detail.status})."
    return ApiError(ErrorCode.PROVIDER_ERROR, sentence)
