"""Decides where a record of a retry topic goes back to, and when."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from contracts.headers import Header
from contracts.topics import RETRIES, Topic, catalogue

MAX_WAIT = 86_400.0
"""Seconds: no retry waits longer, so a later moment is a mistake, and would hold its place till then."""
OURS = frozenset({Header.NOT_BEFORE, Header.ORIGIN_TOPIC, Header.RETRY_ERROR})
"""Headers that only a retry topic's records have."""


class BadRetry(ValueError):
    """The record does not say where and when it goes back."""


@dataclass(frozen=True, slots=True)
class Return:
    """A record's way back. `due` is Unix time in seconds."""

    topic: Topic
    due: float
    headers: Mapping[str, str]


def job_topics() -> dict[str, Topic]:
    """The topics that a record may go back to, by name."""
    waiting = {topic.name for topic in RETRIES.values()}
    return {topic.name: topic for topic in catalogue() if topic.dead_letter and topic.name not in waiting}


def return_of(headers: Mapping[str, str], origins: Mapping[str, Topic], now: float) -> Return:
    """The way back that a record's headers tell. Raises BadRetry."""
    return Return(
        topic=_origin(headers, origins),
        due=_due(headers, now),
        headers={name: value for name, value in headers.items() if name not in OURS},
    )


def _origin(headers: Mapping[str, str], origins: Mapping[str, Topic]) -> Topic:
    name = headers.get(Header.ORIGIN_TOPIC)
    if name is None:
        raise BadRetry(f"no {Header.ORIGIN_TOPIC}: where it goes back to is unknown")
    if name not in origins:
        raise BadRetry(f"{Header.ORIGIN_TOPIC} is no job topic: {name[:128]!r}")
    return origins[name]


def _due(headers: Mapping[str, str], now: float) -> float:
    text = headers.get(Header.NOT_BEFORE, "")
    try:
        due = float(text)
    except ValueError:
        raise BadRetry(f"{Header.NOT_BEFORE} is no number: {text[:128]!r}") from None
    if not math.isfinite(due):
        raise BadRetry(f"{Header.NOT_BEFORE} is no moment: {text[:128]!r}")
    if due - now > MAX_WAIT:
        raise BadRetry(f"{Header.NOT_BEFORE} is {due - now:,.0f} s away, at most {MAX_WAIT:,.0f}")
    return due
