"""Tells the event topic what happens to jobs."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

from contracts.envelope import Envelope
from contracts.errors import ErrorDetail
from contracts.events import Cancelled, Claimed, Ending, Event, Failed, Finished, FirstFrame, Usage
from contracts.topics import EVENTS, Topic


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

    def claimed(self, attempt: int, worker: str) -> None:
        """An attempt began."""
        asked_at = self._envelope.asked_at
        self._post(Claimed(**self._about(), attempt=attempt, worker=worker, asked_at=asked_at))

    def first_frame(self, attempt: int) -> None:
        """Output became visible."""
        self._post(FirstFrame(**self._about(), attempt=attempt))

    async def finished(self, attempt: int, ending: Ending) -> None:
        """The job ended well."""
        await self._post_durably(
            Finished(
                **self._about(),
                attempt=attempt,
                model=ending.model,
                finish_reason=ending.finish_reason,
                usage=ending.usage,
            )
        )

    async def failed(self, attempt: int, error: ErrorDetail, usage: Usage | None) -> None:
        """The job ended with an error."""
        await self._post_durably(Failed(**self._about(), attempt=attempt, error=error, usage=usage))

    async def cancelled(self, attempt: int, usage: Usage | None) -> None:
        """The job was stopped."""
        await self._post_durably(Cancelled(**self._about(), attempt=attempt, usage=usage))

    def _about(self) -> dict[str, Any]:  # the fields of JobFact
        envelope = self._envelope
        return {"job_id": envelope.job_id, "tenant": envelope.tenant, "at": datetime.now(UTC)}

    def _post(self, event: Event) -> None:
        self._producer.post(EVENTS, self._key, event.model_dump_json().encode(), self._headers)

    async def _post_durably(self, event: Event) -> None:
        await self._producer.post_and_wait(EVENTS, self._key, event.model_dump_json().encode(), self._headers)
