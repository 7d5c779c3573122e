"""Fields that every log line of a request or a job carries: its ids, bound once where they become known."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

LogValue = str | int | float | bool | None
_bound: ContextVar[Mapping[str, LogValue]] = ContextVar("log_fields", default={})  # noqa: B039  never written to


@contextmanager
def log_fields(fields: Mapping[str, LogValue]) -> Iterator[None]:
    """Add fields, such as `request_id`, `job_id` and `trace_id`, to each line that is logged inside."""
    token = _bound.set({**_bound.get(), **fields})
    try:
        yield
    finally:
        _bound.reset(token)


def bound_fields() -> Mapping[str, LogValue]:
    """The fields that are bound here."""
    return _bound.get()
