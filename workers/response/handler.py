"""Takes the words about responses from their topic: each makes one step, or finds that none is due.

    word ─▶ row lock ─▶ how it stands ─▶ core decides ─▶ saved with the outbox ─▶ commit ─▶ outbox sent

What a dead worker left in the outbox is sent with the next word, and its own word comes again.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol
from weakref import WeakValueDictionary

from contracts.envelope import Envelope
from contracts.errors import ErrorDetail
from contracts.jobs import ResponseJob
from infra.bus.errors import BusError, Poison
from infra.bus.record import Record
from infra.database import Database, DatabaseUnavailable, Transaction
from infra.failpoints import Failpoints, Moment
from infra.limits.errors import LimitsDown
from infra.relay.redis import RelayDown
from infra.store.response_steps import OutboxRow, waiting_in_outbox
from infra.store.responses import ResponseRow, locked_response
from infra.telemetry.worker_metrics import WorkerMetrics
from workers.response.core.machine import advance, expected_prompt, failed, refused
from workers.response.core.state import Decision, State
from workers.response.limiting import Turns
from workers.response.loading import Looks, state_of
from workers.response.saving import Saving
from workers.response.sending import Sending
from workers.runtime.reading import Reading

PAUSE = 0.5
"""Seconds between two tries while PostgreSQL, Kafka or Redis is away."""
PATIENCE = timedelta(minutes=5)
"""Beyond its deadline, for which a response's word is tried."""

log = logging.getLogger(__name__)


class Afterwards(Protocol):
    """What else is done in the transaction in which a response ends."""

    async def ended(self, session: Transaction, row: ResponseRow, now: datetime) -> Sequence[str]:
        """It has ended: keep and record what others wait for; the deliveries of webhooks. Raises ApiError."""

    async def told(self, row: ResponseRow, deliveries: Sequence[str]) -> None:
        """That is committed. Never raises BusError."""


@dataclass(frozen=True)
class ResponseMeans:
    """What the room works with."""

    worker: str
    database: Database
    looks: Looks
    sending: Sending
    afterwards: Afterwards
    turns: Turns
    metrics: WorkerMetrics
    failpoints: Failpoints


class ResponseWork:
    """The work of this room."""

    def __init__(self, reading: Reading[ResponseJob], means: ResponseMeans) -> None:
        self._reading = reading
        self._means = means
        self._steps: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        """By response: a word that comes while a step is being sent waits, and does not send it too."""

    async def on_record(self, record: Record) -> None:
        """Take one word. Raises Poison for what is none, and what is away for too long."""
        envelope = self._reading.read(record)
        while True:
            try:
                await self.step(envelope.job.response_id, is_cancelled=envelope.job.is_cancelled)
            except (DatabaseUnavailable, BusError, RelayDown, LimitsDown) as error:
                if datetime.now(UTC) > envelope.deadline + PATIENCE:
                    raise
                _log_waiting(envelope, error)
            else:
                break
            await asyncio.sleep(PAUSE)
        self._means.failpoints.hit(Moment.DONE)

    async def on_dead(self, record: Record, error: ErrorDetail) -> None:
        """No attempt could take a word: its response has failed."""
        try:
            envelope = self._reading.read_any(record)
        except Poison:
            return
        response_id = envelope.job.response_id
        try:
            await self._stepped(response_id, lambda state: failed(state, error))
        except ValueError as unreadable:  # its row is none of this version: it must not hold up the others
            about = {"response_id": response_id, "error": str(unreadable)}
            log.error("response_unreadable", extra=about)  # noqa: TRY400

    async def step(self, response_id: str, *, is_cancelled: bool = False) -> None:
        """Take the next step of a response, if one is due. Raises ApiError, BusError and RelayDown."""
        now = datetime.now(UTC)
        await self._stepped(response_id, lambda state: advance(state, now), is_cancelled=is_cancelled)

    async def _stepped(self, response_id: str, decide: "Decide", *, is_cancelled: bool = False) -> None:
        async with self._steps.setdefault(response_id, asyncio.Lock()):
            await self._taken(response_id, decide, is_cancelled=is_cancelled)

    async def _taken(self, response_id: str, decide: "Decide", *, is_cancelled: bool) -> None:
        means, now = self._means, datetime.now(UTC)
        deliveries: Sequence[str] = ()
        async with means.database.begin() as session:
            row = await locked_response(session, response_id)
            if row is None:
                return
            waiting = list(await waiting_in_outbox(session, response_id))
            state = await state_of(session, row, means.looks, is_cancelled=is_cancelled)
            decision = await self._admitted(row, state, decide(state), now)
            if not decision.is_nothing:
                waiting += await self._saved(session, row, decision, now)
            if decision.is_last:
                deliveries = await means.afterwards.ended(session, row, now)
        if not decision.is_nothing:
            self._count(row, decision)
            means.failpoints.hit(Moment.STEPPED)
        await means.sending.send(row, waiting)
        if decision.is_last:
            await means.afterwards.told(row, deliveries)

    async def _admitted(self, row: ResponseRow, state: State, decision: Decision, now: datetime) -> Decision:
        """The same, unless a turn would begin that its caller's budgets do not cover."""
        if decision.begun_turn is None:
            return decision
        prompt = expected_prompt(state, decision)
        error = await self._means.turns.refusal(row, decision.begun_turn, prompt, now)
        return decision if error is None else refused(decision, error)

    async def _saved(
        self, session: Transaction, row: ResponseRow, decision: Decision, now: datetime
    ) -> Sequence[OutboxRow]:
        saving = Saving(session, row, now, self._means.worker)
        await saving.save(decision)
        return saving.outbox

    def _count(self, row: ResponseRow, decision: Decision) -> None:
        metrics = self._means.metrics
        for status in decision.ended_steps.values():
            metrics.step_ended(status)
        if decision.is_last:
            ended = row.ended_at or row.created_at
            metrics.response_ended(row.status, (ended - row.created_at).total_seconds())


class Decide(Protocol):
    """What is next."""

    def __call__(self, state: State) -> Decision:
        """For a response that stands so."""


def _log_waiting(envelope: Envelope[ResponseJob], error: Exception) -> None:
    about = {"response_id": envelope.job.response_id, "error": str(error)}
    log.warning("response_waits", extra=about)
