"""Sends a record to a retry topic: its job failed in a way that may pass, and another attempt comes later."""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from contracts.envelope import Envelope
from contracts.errors import ErrorDetail
from contracts.headers import Header
from contracts.topics import RETRIES, Topic
from infra.bus.record import Record

JITTER = 0.2
"""The part of a delay that chance adds: what failed together does not come back together."""
MAX_ERROR = 1_024
"""Characters of the error that travel along."""


class RetryProducer(Protocol):
    """The bus, as retries need it."""

    async def send(self, topic: Topic, key: bytes, value: bytes, headers: Mapping[str, str]) -> None:
        """Produce, and return when the record is durable. Raises BusError."""


class Postponer:
    """Knows how long each further attempt waits: `delays` in seconds, one for each retry topic in order."""

    def __init__(
        self,
        producer: RetryProducer,
        delays: Sequence[float],
        *,
        chance: Callable[[], float] = random.random,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._producer = producer
        self._waits = list(zip(delays, RETRIES.values(), strict=False))
        self._chance = chance
        self._now = now

    async def postpone(
        self, record: Record, envelope: Envelope[Any], error: ErrorDetail, after: float | None
    ) -> datetime | None:
        """Put the record aside until its next attempt, which waits `after` seconds at least.

        Returns when that is due; None when there is no other attempt: they are used up, or it would come
        after the deadline. Raises BusError.
        """
        tries = tries_of(record)
        if tries >= len(self._waits):
            return None
        usual, topic = self._waits[tries]
        due = self._now() + max(usual, after or 0.0) * (1 + JITTER * self._chance())
        if due >= envelope.deadline.timestamp():
            return None
        headers = {
            **record.headers,
            Header.TRIES: str(tries + 1),
            Header.NOT_BEFORE: f"{due:.3f}",
            Header.ORIGIN_TOPIC: record.topic,
            Header.RETRY_ERROR: f"{error.code}: {error.message}"[:MAX_ERROR],
        }
        await self._producer.send(topic, record.key or b"", record.value, headers)
        return datetime.fromtimestamp(due, UTC)


def tries_of(record: Record) -> int:
    """How often a record came back from a retry topic; an unreadable count is 0."""
    text = record.headers.get(Header.TRIES, "")
    return int(text) if text.isascii() and text.isdigit() else 0
