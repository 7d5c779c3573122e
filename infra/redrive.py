"""Sends dead letters back to their topics: each once, and none in circles.

That a letter goes is written down first, so of two operators with the same thought one comes too late. Then
the job's timeline learns that it is open again, then the record goes.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Protocol

from contracts.events import Redriven
from contracts.headers import Header
from contracts.topics import EVENTS, Topic
from infra.bus.errors import BusError
from infra.bus.letter import DeadLetter
from infra.bus.revival import revived
from infra.database import Database
from infra.store.redrives import RedriveRow, forget_redrive, note_redrive, redrive_of

MAX_REDRIVES = 3
"""A record that died so often after it had come back is not helped by coming back."""


class RedriveProducer(Protocol):
    """The bus, as redrives need it."""

    async def send(self, topic: Topic | str, key: bytes, value: bytes, headers: Mapping[str, str]) -> None:
        """Produce, and return when the record is durable. Raises BusError."""


class Redriver:
    """Sends letters back in somebody's name. `force` sends also those that there is an objection to."""

    def __init__(
        self,
        producer: RedriveProducer,
        database: Database,
        by: str,
        *,
        most: int = MAX_REDRIVES,
        force: bool = False,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._producer = producer
        self._database = database
        self._by = by
        self._most = most
        self._force = force
        self._now = now

    async def objection(self, letter: DeadLetter) -> str | None:
        """Why a letter would not go now; None when it would. Raises DatabaseUnavailable."""
        return None if self._force else self._circles(letter) or await self._went(letter)

    async def redrive(self, letter: DeadLetter) -> str | None:
        """Send a letter back; why not, if it does not go.

        Raises DatabaseUnavailable and BusError: it has not gone, but after BusTimeout it may still arrive.
        """
        if not self._force and (circles := self._circles(letter)):
            return circles
        row = self._row(letter)
        async with self._database.begin() as session:
            number = await note_redrive(session, row, again=self._force)
        if number is None:
            return await self._went(letter) or "somebody else is sending it back"
        try:
            await self._send(letter, number)
        except (BusError, asyncio.CancelledError):
            await self._forget(row, number)
            raise
        return None

    def _circles(self, letter: DeadLetter) -> str | None:
        if letter.redrive < self._most:
            return None
        return f"it came back {letter.redrive} times and died again each time, at most {self._most}"

    async def _went(self, letter: DeadLetter) -> str | None:
        async with self._database.begin() as session:
            row = await redrive_of(session, *letter.place.key)
        return f"it was sent back at {row.at:%Y-%m-%d %H:%M:%S} UTC by {row.by}" if row else None

    def _row(self, letter: DeadLetter) -> RedriveRow:
        place = letter.place
        return RedriveRow(
            topic=place.topic,
            partition=place.partition,
            offset=place.offset,
            at=self._now(),
            by=self._by,
            redrive=letter.redrive + 1,
        )

    async def _send(self, letter: DeadLetter, number: int) -> None:
        await self._tell(letter, number)
        back = revived(letter, number, self._now())
        await self._producer.send(back.topic, back.key, back.value, back.headers)

    async def _tell(self, letter: DeadLetter, number: int) -> None:
        """Before the record goes: what its next attempt says must come after."""
        if letter.job_id is None or letter.tenant is None:
            return
        event = Redriven(job_id=letter.job_id, tenant=letter.tenant, at=self._now(), redrive=number)
        headers = {"content-type": "application/json"}
        if (traceparent := letter.record.headers.get(Header.TRACEPARENT)) is not None:
            headers["traceparent"] = traceparent
        await self._producer.send(EVENTS, letter.job_id.encode(), event.model_dump_json().encode(), headers)

    async def _forget(self, row: RedriveRow, number: int) -> None:
        """Only what was written down now: of a letter that went before, the row stays."""
        if number == row.redrive:
            async with self._database.begin() as session:
                await forget_redrive(session, row)
