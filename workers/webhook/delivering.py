"""One try at a delivery: claimed, signed, posted, and written down.

The lease is longer than a try can take, so nobody else begins before it has ended; a worker that dies leaves
the lease to run out. A try whose end cannot be written down counts, and another one is made: receivers know
events by their ids, and what kills its worker each time comes to an end.
"""

import logging
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol, assert_never

from infra.database import Database, Transaction
from infra.failpoints import Failpoints, Moment
from infra.outgoing.posting import Answered, NotPosted
from infra.sealing import SealBroken, Sealer
from infra.settings import WebhookSettings
from infra.store.webhook_endpoints import Signing, endpoint_at, secrets_of, tenant_secret
from infra.store.webhooks import (
    DELIVERED,
    FAILED,
    WebhookDeliveryRow,
    attempted_delivery,
    fail_deliveries_to,
    forget_deliveries,
    named_due,
    next_delivery_due,
    next_due,
    note_try,
)
from infra.telemetry.worker_metrics import WorkerMetrics
from workers.webhook.core.signing import signed_headers
from workers.webhook.core.verdict import Again, Delivered, GivenUp, Outcome, Verdict, verdict_on
from workers.webhook.places import Places

MARGIN = timedelta(seconds=10)
"""Of a lease, beyond what a try may take: for the database, and for a clock that is a little off."""
NOBODY = "its endpoint is deleted or switched off"
LOST = "its tries were lost, one after the other"
UNSIGNED = "it cannot be signed"
SWITCHED_OFF = "its endpoint answered 410: it wants no more"
MOST_FORGOTTEN = 500

log = logging.getLogger(__name__)

Find = Callable[[Transaction, datetime], Awaitable[WebhookDeliveryRow | None]]


class Posting(Protocol):
    """The way to receivers."""

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answered:
        """Post once. Raises NotPosted."""


class Burying(Protocol):
    """Where deliveries go that were given up."""

    async def bury(self, row: WebhookDeliveryRow, why: str) -> None:
        """Write a dead letter. Never raises."""


@dataclass(frozen=True)
class Parcel:
    """What one try sends."""

    row: WebhookDeliveryRow
    attempt: int
    url: str
    signing: Signing


@dataclass(frozen=True)
class DeliveryMeans:
    """What deliveries are made with."""

    database: Database
    poster: Posting
    sealer: Sealer
    dead: Burying
    metrics: WorkerMetrics
    settings: WebhookSettings
    failpoints: Failpoints
    chance: Callable[[], float] = random.random


class Deliveries:
    """The deliveries of this worker."""

    def __init__(self, means: DeliveryMeans, places: Places) -> None:
        self._means = means
        self._places = places
        self._lease = timedelta(seconds=means.settings.timeout) + MARGIN

    async def deliver(self, delivery_id: str) -> None:
        """Try one delivery, if it is due, nobody else has it, and there is room. Raises ApiError."""

        async def find(session: Transaction, now: datetime) -> WebhookDeliveryRow | None:
            return await named_due(session, delivery_id, now)

        await self._tried(find)

    async def deliver_next(self) -> bool:
        """Try the delivery that is due for longest; whether there was one. Raises ApiError."""
        return await self._tried(self._find_next)

    async def due_at(self) -> datetime | None:
        """When the next one may be tried. Raises ApiError."""
        places = self._places
        async with self._means.database.begin() as session:
            return await next_delivery_due(
                session, busy_receivers=places.busy_receivers, busy_tenants=places.busy_tenants
            )

    async def forget_some(self) -> bool:
        """Delete some deliveries whose time is over; whether there may be more. Raises ApiError."""
        before = datetime.now(UTC) - timedelta(seconds=self._means.settings.retention)
        async with self._means.database.begin() as session:
            return await forget_deliveries(session, before, MOST_FORGOTTEN) == MOST_FORGOTTEN

    async def _find_next(self, session: Transaction, now: datetime) -> WebhookDeliveryRow | None:
        places = self._places
        return await next_due(
            session, now, busy_receivers=places.busy_receivers, busy_tenants=places.busy_tenants
        )

    async def _tried(self, find: Find) -> bool:
        """Whether there was one to be tried."""
        with ExitStack() as held:
            async with self._means.database.begin() as session:
                now = datetime.now(UTC)
                row = await find(session, now)
                if row is None or not self._places.take(row.receiver, row.tenant):
                    return False
                held.callback(self._places.free, row.receiver, row.tenant)
                parcel = await self._packed(session, row, now)
            if parcel is not None:
                self._means.failpoints.hit(Moment.CLAIMED)
                outcome = await self._sent(parcel)
                self._means.failpoints.hit(Moment.ANSWERED)
                await self._settle(parcel, outcome)
            elif row.last_error == LOST:
                await self._means.dead.bury(row, LOST)
        return True

    async def _packed(self, session: Transaction, row: WebhookDeliveryRow, now: datetime) -> Parcel | None:
        """A delivery, claimed; None where nobody wants it any more: then it has failed."""
        signing: Signing
        if row.endpoint_id is None:
            signing = await tenant_secret(session, row.tenant, self._means.sealer, now)
        else:
            endpoint = await endpoint_at(session, row.tenant, row.endpoint_id)
            if endpoint is None or not (endpoint.is_enabled or row.is_test):
                row.state, row.ended_at, row.last_error = FAILED, now, NOBODY
                return None
            row.url, signing = endpoint.url, endpoint
        if row.step > len(self._delays(row)):
            row.state, row.ended_at, row.last_error = FAILED, now, LOST
            return None
        row.attempts, row.step = row.attempts + 1, row.step + 1
        row.leased_until = now + self._lease
        await session.flush()
        return Parcel(row, row.attempts, row.url, signing)

    async def _sent(self, parcel: Parcel) -> Outcome:
        began = time.monotonic()
        now = datetime.now(UTC)
        try:
            secrets = secrets_of(parcel.signing, self._means.sealer, now)
        except SealBroken as error:
            about = {"delivery_id": parcel.row.delivery_id, "error": str(error)}
            log.warning("webhook_not_signed", extra=about)
            return Outcome(0.0, error=UNSIGNED)
        body = parcel.row.body
        headers = signed_headers(parcel.row.event_id, int(now.timestamp()), body, secrets)
        try:
            answer = await self._means.poster.post(
                parcel.url, body.encode(), {"content-type": "application/json", **headers}
            )
        except NotPosted as error:
            return Outcome(time.monotonic() - began, error=str(error))
        return Outcome(time.monotonic() - began, answer.status, retry_after=answer.retry_after)

    async def _settle(self, parcel: Parcel, outcome: Outcome) -> None:
        means, now = self._means, datetime.now(UTC)
        async with means.database.begin() as session:
            row = await attempted_delivery(session, parcel.row.delivery_id, parcel.attempt)
            if row is None:
                log.info("webhook_try_stale", extra={"delivery_id": parcel.row.delivery_id})
                return
            verdict = self._verdict(row, outcome)
            note_try(row, now, status=outcome.status, error=outcome.error, seconds=outcome.seconds)
            self._apply(row, verdict, now)
            await session.flush()
        means.metrics.webhook_tried(_word_of(verdict), outcome.seconds)
        _log_try(row, verdict, outcome)
        if isinstance(verdict, GivenUp) and not row.is_test:
            if verdict.is_gone:
                await self._switch_off(row)
            await means.dead.bury(row, outcome.error or f"it answered {outcome.status}")

    def _verdict(self, row: WebhookDeliveryRow, outcome: Outcome) -> Verdict:
        step = max(row.step - 1, 0)  # it may have been asked for anew meanwhile
        return verdict_on(outcome, step, self._delays(row), self._means.chance())

    def _delays(self, row: WebhookDeliveryRow) -> Sequence[float]:
        return () if row.is_test else self._means.settings.delays

    def _apply(self, row: WebhookDeliveryRow, verdict: Verdict, now: datetime) -> None:
        match verdict:
            case Delivered():
                row.state, row.ended_at = DELIVERED, now
            case Again(seconds):
                row.next_at = now + timedelta(seconds=seconds)
            case GivenUp():
                row.state, row.ended_at = FAILED, now
            case _:
                assert_never(verdict)

    async def _switch_off(self, row: WebhookDeliveryRow) -> None:
        """Its endpoint wants no more. A transaction of its own: who changes endpoints locks them first."""
        if row.endpoint_id is None:
            return
        now = datetime.now(UTC)
        async with self._means.database.begin() as session:
            endpoint = await endpoint_at(session, row.tenant, row.endpoint_id, is_locked=True)
            if endpoint is not None and endpoint.url == row.url:
                endpoint.is_enabled, endpoint.updated_at = False, now
                await session.flush()
                await fail_deliveries_to(session, row.endpoint_id, SWITCHED_OFF, now)


def _word_of(verdict: Verdict) -> str:
    match verdict:
        case Delivered():
            return "delivered"
        case Again():
            return "again"
        case GivenUp():
            return "given_up"
    assert_never(verdict)


def _log_try(row: WebhookDeliveryRow, verdict: Verdict, outcome: Outcome) -> None:
    log.info(
        "webhook_tried",
        extra={
            "delivery_id": row.delivery_id,
            "event_type": row.event_type,
            "attempt": row.attempts,
            "outcome": _word_of(verdict),
            "status": outcome.status,
            "seconds": round(outcome.seconds, 3),
        },
    )
