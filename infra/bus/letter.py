"""One dead letter: the record as it was, and what its headers and its value tell.

What it says of its job is read leniently: many a letter is here because it cannot be read otherwise.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic_core import from_json
from typing_extensions import override

from contracts.headers import Header
from contracts.ids import is_ulid
from infra.bus.record import Record

MAX_NAME = 128
"""Characters of an id that is believed to be one."""
_PLACE = re.compile(r"(?P<topic>[\w.-]{1,249})/(?P<partition>\d{1,9})/(?P<offset>\d{1,18})", re.ASCII)
_COUNT = re.compile(r"\d{1,9}", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a record lies, written as `topic/partition/offset`."""

    topic: str
    partition: int
    offset: int

    @property
    def key(self) -> tuple[str, int, int]:
        """As a tuple."""
        return self.topic, self.partition, self.offset

    @override
    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One dead letter: what its headers and its value tell."""

    place: Place
    at: datetime
    """When it was put aside."""
    reason: str
    error: str
    """Class and message of the last error."""
    attempts: int
    origin: Place | None
    """Where the record lay; None when the letter does not say."""
    worker: str
    trace_id: str | None
    job_id: str | None
    tenant: str | None
    redrive: int
    """How often the record had come back from the dead letters before."""
    record: Record

    @property
    def size(self) -> int:
        """Bytes of the record's value."""
        return len(self.record.value)


def place_of(text: str) -> Place | None:
    """The place that a text such as `jobs.completion.flex.dead.v1/0/17` names; None when it names none."""
    found = _PLACE.fullmatch(text)
    return Place(found["topic"], int(found["partition"]), int(found["offset"])) if found else None


def letter_of(record: Record) -> DeadLetter:
    """What a record of a dead letter topic tells."""
    headers = record.headers
    about = _about(record.value)
    key = (record.key or b"").decode(errors="replace")
    return DeadLetter(
        place=Place(record.topic, record.partition, record.offset),
        at=_moment(headers.get(Header.DEAD_AT), record.timestamp),
        reason=headers.get(Header.DEAD_REASON, "unknown"),
        error=headers.get(Header.DEAD_ERROR, ""),
        attempts=_count(headers.get(Header.DEAD_ATTEMPTS)),
        origin=place_of(headers.get(Header.DEAD_ORIGIN, "")),
        worker=headers.get(Header.DEAD_WORKER, ""),
        trace_id=_trace_id(headers.get(Header.TRACEPARENT, "")),
        job_id=_text(about, "job_id") or (key if is_ulid(key) else None),
        tenant=_text(about, "tenant"),
        redrive=_count(headers.get(Header.REDRIVE)),
        record=record,
    )


def _about(value: bytes) -> dict[str, Any]:  # whatever somebody wrote
    try:
        found = from_json(value)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _text(about: dict[str, Any], name: str) -> str | None:
    found = about.get(name)
    return found if isinstance(found, str) and 0 < len(found) <= MAX_NAME else None


def _moment(text: str | None, timestamp: int) -> datetime:
    """When a letter says that it was written; else when the broker was given it, in milliseconds."""
    try:
        found = datetime.fromisoformat(text or "")
    except ValueError:
        return datetime.fromtimestamp(max(timestamp, 0) / 1000, UTC)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _count(text: str | None) -> int:
    return int(text) if text and _COUNT.fullmatch(text) else 0


def _trace_id(traceparent: str) -> str | None:
    parts = traceparent.split("-")
    return parts[1] if len(parts) >= len(("version", "trace", "span", "flags")) else None
