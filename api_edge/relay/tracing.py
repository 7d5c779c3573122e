"""Ends a request's span with how the request ended."""

from collections.abc import Iterator
from contextlib import contextmanager

from contracts.errors import ApiError, ErrorCode
from infra.telemetry.spans import Span


@contextmanager
def ended(span: Span) -> Iterator[None]:
    """End a span with the block: well, or with the code of the error that leaves it."""
    failure: str | None = ErrorCode.INTERNAL
    try:
        yield
        failure = None
    except ApiError as error:
        failure = error.detail.code
        raise
    finally:
        span.end(failure)
