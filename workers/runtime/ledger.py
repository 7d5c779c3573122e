"""Tells the event topic what happens to jobs."""

import asyncio
import logging
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

from contracts.envelope import Envelope
from contracts.errors import ErrorCode, ErrorDetail
from contracts.events import (
    Cancelled,
    Claimed,
    Ending,
    Event,
    Failed,
    Failure,
    Finished,
    FirstFrame,
    HandedBack,
    Postponed,
    Usage,
)
from contracts.jobs import ResponseEnvelope, ResponseJob
from contracts.topics import EVENTS, RESPONSE, Topic
from infra.bus.errors import BusError

PAUSE = 1.0
PATIENCE = 300.0
"""Seconds for which a terminal event is tried again while the bus is away; the job keeps its place."""
HANDED_ON = ("tenant", "caller", "lane", "asked_at", "deadline", "reply_to", "relay_epoch", "request_id")
"""What a job's envelope has of its response's."""

log = logging.getLogger(__name__)


class EventProducer(Protocol):
    """The bus, as events need it."""

    def post(self, topic: Topic, key: bytes, value: bytes, headers: Mapping[str, str]) -> None:
        """Produce in the background."""

    async def post_and_wait(self, topic: Topic, key: bytes, value: bytes, headers: Mapping[str, str]) -> None:
        """Produce in company, and return when the record is durable. Raises BusError."""


class Ledger:
    """Writes one job's facts. Terminal ones are durable when their call returns."""

    def __init__(self, producer: EventProducer, envelope: Envelope[Any], traceparent: str) -> None:
        self._producer = producer
        self._envelope = envelope
        self._key = envelope.job_id.encode()
        self._headers = {"content-type": "application/json", "traceparent": traceparent}

    def claimed(self, attempt: int, worker: str, first_seq: int) -> None:
        """An attempt began."""
        asked_at = self._envelope.asked_at
        self._post(
            Claimed(**self._about(), attempt=attempt, worker=worker, asked_at=asked_at, first_seq=first_seq)
        )

    def first_frame(self, attempt: int) -> None:
        """Output became visible."""
        self._post(FirstFrame(**self._about(), attempt=attempt))

    def handed_back(self, attempt: int) -> None:
        """The worker stops before the job has ended."""
        self._post(HandedBack(**self._about(), attempt=attempt))

    async def postponed(self, attempt: int, error: ErrorDetail, until: datetime) -> None:
        """The job waits for its next attempt."""
        await self._post_durably(Postponed(**self._about(), attempt=attempt, error=error, until=until))

    async def ended(self, attempt: int, end: Ending | Failure) -> None:
        """The job ended, as the last frame of its log tells it."""
        if isinstance(end, Ending):
            await self.finished(attempt, end)
        elif end.code == ErrorCode.CANCELLED:
            await self.cancelled(attempt, end.usage)
        else:
            await self.failed(attempt, ErrorDetail(**dict(end)), end.usage)

    async def finished(self, attempt: int, ending: Ending) -> None:
        """The job ended well."""
        await self._post_durably(
            Finished(
                **self._about(),
                attempt=attempt,
                model=ending.model,
                finish_reason=ending.finish_reason,
                usage=ending.usage,
                provider=ending.provider,
            )
        )

    async def failed(self, attempt: int, error: ErrorDetail, usage: Usage | None) -> None:
        """The job ended with an error."""
        await self._post_durably(Failed(**self._about(), attempt=attempt, error=error, usage=usage))

    async def cancelled(self, attempt: int, usage: Usage | None) -> None:
        """The job was stopped."""
        await self._post_durably(Cancelled(**self._about(), attempt=attempt, usage=usage))

    async def told_response(self) -> None:
        """The response that waits for the job's end, if one does, is to go on. Raises BusError."""
        ours = self._envelope
        if ours.response_id is None:
            return
        about = {name: getattr(ours, name) for name in HANDED_ON}
        word = ResponseEnvelope(
            **about,
            job_id=ours.response_id.rpartition("_")[2],
            kind="response",
            job=ResponseJob(response_id=ours.response_id),
        )
        await self._durably(RESPONSE, word.job_id.encode(), word.model_dump_json().encode())

    def _about(self) -> dict[str, Any]:  # the fields of JobFact
        envelope = self._envelope
        return {"job_id": envelope.job_id, "tenant": envelope.tenant, "at": datetime.now(UTC)}

    def _post(self, event: Event) -> None:
        self._producer.post(EVENTS, self._key, event.model_dump_json().encode(), self._headers)

    async def _post_durably(self, event: Event) -> None:
        await self._durably(EVENTS, self._key, event.model_dump_json().encode())

    async def _durably(self, topic: Topic, key: bytes, value: bytes) -> None:
        """Try until the bus takes it: the job has ended already, and only its record would be done again."""
        until = time.monotonic() + PATIENCE
        while True:
            try:
                return await self._producer.post_and_wait(topic, key, value, self._headers)
            except BusError as error:
                if time.monotonic() > until:
                    raise
                log.warning("event_waits", extra={"job_id": self._envelope.job_id, "error": str(error)})
                await asyncio.sleep(PAUSE)
