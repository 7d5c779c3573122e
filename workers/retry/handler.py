"""Waits with each record until it is due, then gives it back; only then is the record done.

A record that comes back twice does no harm: its job's claim lets one of the two run.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from pydantic import ValidationError

from contracts.errors import ErrorDetail
from contracts.headers import Header
from contracts.topics import RETRIES, Topic
from infra.bus.errors import Poison, RecordTooLarge
from infra.bus.record import Record
from workers.retry.core import BadRetry, Return, job_topics, return_of
from workers.runtime.ledger import EventProducer, Ledger
from workers.runtime.postpone import tries_of

LONGEST_SLEEP = 30.0
"""Seconds between looks at the clock, which may be set meanwhile."""

log = logging.getLogger(__name__)


class Producer(EventProducer, Protocol):
    """The bus, as this room needs it."""

    async def send(self, topic: Topic, key: bytes, value: bytes, headers: Mapping[str, str]) -> None:
        """Produce, and return when the record is durable. Raises BusError."""


class Mover:
    """Brings the records of the retry topics back to where they came from."""

    def __init__(
        self,
        producer: Producer,
        *,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._producer = producer
        self._now = now
        self._sleep = sleep
        self._origins = job_topics()
        self._payloads = {topic.name: topic.payload for topic in RETRIES.values()}

    async def on_record(self, record: Record) -> None:
        """Give one record back when it is due. Raises Poison for one without a way back, and BusError."""
        back = self._way_back(record)
        while (left := back.due - self._now()) > 0:
            await self._sleep(min(left, LONGEST_SLEEP))
        try:
            await self._producer.send(back.topic, record.key or b"", record.value, back.headers)
        except RecordTooLarge as error:
            raise Poison(f"too big to go back: {len(record.value):,} bytes") from error
        log.info(
            "job_returned",
            extra={
                "topic": back.topic.name,
                "from": record.topic,
                "tries": tries_of(record),
                "late": round(self._now() - back.due, 3),
            },
        )

    async def on_dead(self, record: Record, error: ErrorDetail) -> None:
        """A record cannot go back: its job has failed, if it names one. Raises BusError."""
        try:
            envelope = self._payloads[record.topic].validate_json(record.value)
        except ValidationError:
            return
        ledger = Ledger(self._producer, envelope, record.headers.get(Header.TRACEPARENT, ""))
        await ledger.failed(tries_of(record), error, None)

    def _way_back(self, record: Record) -> Return:
        try:
            return return_of(record.headers, self._origins, self._now())
        except BadRetry as error:
            raise Poison(str(error)) from error
