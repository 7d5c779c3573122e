"""The errors for what cannot be said to Anthropic, or makes no sense in any wire."""

from contracts.errors import ApiError, ErrorCode


def unsupported(param: str, what: str) -> ApiError:
    """The error for something that no field of the Messages API means."""
    return ApiError(ErrorCode.UNSUPPORTED_PARAMETER, f"Anthropic's models don't take {what}.", param=param)


def invalid(param: str, sentence: str) -> ApiError:
    """The error for a value that cannot be read."""
    return ApiError(ErrorCode.INVALID_VALUE, sentence, param=param)


def listed(value: object, param: str) -> list[object]:
    """A list; an empty one for nothing. Raises ApiError."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise invalid(param, f"`{param}` is a list.")
    return value
