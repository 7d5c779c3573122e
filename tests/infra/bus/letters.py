"""Dead letters as the tests write them."""

from collections.abc import Mapping
from datetime import UTC, datetime

from contracts.envelope import Lane
from contracts.topics import COMPLETION, dead_topic
from infra.bus.letter import DeadLetter, letter_of
from infra.bus.record import Record

ORIGIN = COMPLETION[Lane.BATCH]
DEAD = dead_topic(ORIGIN)
MOMENT = datetime(2026, 6, 1, 12, tzinfo=UTC)
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
HEADERS = {
    "traceparent": f"00-{TRACE}-00f067aa0ba902b7-01",
    "x-tries": "3",
    "x-dead-reason": "attempts_exhausted",
    "x-dead-error": "RuntimeError: Again and again",
    "x-dead-attempts": "4",
    "x-dead-origin": f"{ORIGIN.name}/3/7",
    "x-dead-worker": "w1",
    "x-dead-at": MOMENT.isoformat(),
}


def letter(value: bytes, headers: Mapping[str, str] = HEADERS, key: bytes | None = b"key") -> DeadLetter:
    """A letter with this record."""
    return letter_of(Record(DEAD.name, 0, 17, key, value, headers, timestamp=1_000))
