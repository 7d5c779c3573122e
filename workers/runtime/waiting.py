"""When a server says to come back: `Retry-After` (RFC 9110, section 10.2.3), in seconds or as a date."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def seconds_to_wait(retry_after: str | None, date: str | None) -> float | None:
    """The seconds that a Retry-After asks for; None where it asks for none that can be read.

    A date counts from the answer's own `Date`, so that no clock but the server's matters.
    """
    if not retry_after:
        return None
    try:
        wait = float(retry_after)
    except ValueError:
        return _between(date, retry_after)
    return max(wait, 0.0) if 0 <= abs(wait) < float("inf") else None


def _between(date: str | None, until: str) -> float | None:
    begin, end = _moment(date), _moment(until)
    return max((end - begin).total_seconds(), 0.0) if begin and end else None


def _moment(text: str | None) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text or "")
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
