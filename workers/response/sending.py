"""Sends what a response's outbox holds, and empties it.

Whatever is sent may be sent twice: frames have their places, jobs their names, and facts are told again.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Protocol

from contracts.events import Cancelled
from contracts.jobs import ResponseEnvelope
from contracts.topics import EVENTS
from infra.database import Database
from infra.failpoints import Failpoints, Moment
from infra.relay.placed import Place
from infra.store.response_steps import OutboxRow, sent_from_outbox
from infra.store.responses import ResponseRow
from workers.response.saving import STOP


class Producer(Protocol):
    """The bus."""

    async def send(self, topic: str, key: bytes, value: bytes, headers: Mapping[str, str]) -> None:
        """Produce, and return when the record is durable. Raises BusError."""


class Logs(Protocol):
    """Logs whose frames have their places."""

    async def write(self, place: Place, first_seq: int, frames: Sequence[bytes]) -> bool:
        """Put frames to their places. Raises RelayDown."""


class Stops(Protocol):
    """The relay, as jobs are told to stop there."""

    async def cancel(self, job_id: str) -> bool:
        """Tell a job to stop; whether it ended at once. Raises RelayDown."""


class Sending:
    """The way out."""

    def __init__(
        self, database: Database, producer: Producer, logs: Logs, stops: Stops, failpoints: Failpoints
    ) -> None:
        self._database = database
        self._producer = producer
        self._logs = logs
        self._stops = stops
        self._failpoints = failpoints

    async def send(self, row: ResponseRow, waiting: Sequence[OutboxRow]) -> None:
        """Send it, in its order as far as that matters. Raises BusError, RelayDown and ApiError."""
        if not waiting:
            return
        await asyncio.gather(self._frames(row, waiting), self._records(row, waiting))
        self._failpoints.hit(Moment.SENT)
        async with self._database.begin() as session:
            await sent_from_outbox(session, [one.number for one in waiting if one.number is not None])

    async def _frames(self, row: ResponseRow, waiting: Sequence[OutboxRow]) -> None:
        frames = [one for one in waiting if one.topic is None]
        if not frames:
            return
        envelope = ResponseEnvelope.model_validate(row.envelope)
        place = Place(envelope.job_id, row.tenant, envelope.reply_to)
        await self._logs.write(place, frames[0].first_seq, [one.payload for one in frames])

    async def _records(self, row: ResponseRow, waiting: Sequence[OutboxRow]) -> None:
        headers = {"content-type": "application/json", **row.trace}
        await asyncio.gather(
            *(
                self._producer.send(one.topic, one.key.encode(), one.payload, headers)
                for one in waiting
                if one.topic not in (None, STOP)
            ),
            *(self._stop(row, one.key) for one in waiting if one.topic == STOP),
        )

    async def _stop(self, row: ResponseRow, job_id: str) -> None:
        if await self._stops.cancel(job_id) and row.ended_at is not None:
            event = Cancelled(job_id=job_id, tenant=row.tenant, at=row.ended_at, attempt=0)
            await self._producer.send(EVENTS.name, job_id.encode(), event.model_dump_json().encode(), {})
