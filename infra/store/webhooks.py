"""Deliveries of webhooks: what is told to whom, how each try went, and when the next one is due.

The table is the outbox: what is recorded here in the transaction in which something ends is delivered, also
when no word about it reaches a worker. A delivery that is being tried has a lease; the number of its attempt
tells a worker that came too late that another one has it.
"""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Column, DateTime, Index, delete, func, or_, text, update
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import Mapped
from sqlmodel import Field, col, select
from sqlmodel.ext.asyncio.session import AsyncSession
from sqlmodel.sql.expression import SelectOfScalar

from contracts.ids import DELIVERY, event_id, new_id
from contracts.wire.webhooks import Event, EventData
from infra.store.keyset import Order, keyset
from infra.store.table import Table
from infra.store.webhook_endpoints import WebhookEndpointRow, endpoints_wanting

PENDING: Literal["pending"] = "pending"
DELIVERED: Literal["delivered"] = "delivered"
FAILED: Literal["failed"] = "failed"
State = Literal["pending", "delivered", "failed"]
MOST_TRIES = 20
"""That a delivery remembers, the last ones."""
ERROR_LETTERS = 200

Try = dict[str, Any]
"""One try: `at`, `status`, `error`, `seconds`."""


class WebhookDeliveryRow(Table, table=True):
    """One event for one receiver."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        Index("uq_webhook_deliveries_event_id_receiver", "event_id", "receiver", unique=True),
        Index("ix_webhook_deliveries_tenant_delivery_id", "tenant", "delivery_id"),
        Index("ix_webhook_deliveries_next_at", "next_at", postgresql_where=text("state = 'pending'")),
        Index("ix_webhook_deliveries_endpoint_id", "endpoint_id"),
        Index("ix_webhook_deliveries_created_at", "created_at"),
    )

    delivery_id: str = Field(primary_key=True, max_length=64)
    event_id: str = Field(max_length=64)
    tenant: str = Field(max_length=128)
    endpoint_id: str | None = Field(default=None, max_length=64)
    """None: one response named the address."""
    receiver: str = Field(max_length=64)
    """Who is told: the endpoint's id, or a digest of the address. Each hears of an event once."""
    url: str = Field(max_length=2_048)
    """Where it goes; of an endpoint, where the last try went."""
    event_type: str = Field(max_length=64)
    body: str
    """The very text that is signed and sent."""
    is_test: bool = False
    """Tried once, whatever comes of it."""
    state: str = Field(default=PENDING, max_length=16)
    attempts: int = 0
    """Tries that were begun, all in all."""
    step: int = 0
    """Tries that were begun since it was last asked for: its place in the schedule."""
    next_at: datetime = Field(sa_type=DateTime(timezone=True))
    """When the next try is due."""
    leased_until: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    """Until when a worker has it."""
    last_status: int | None = None
    last_error: str | None = Field(default=None, max_length=ERROR_LETTERS)
    last_seconds: float | None = None
    tries: list[Try] = Field(default_factory=list, sa_column=Column(JSONB, nullable=False))
    """The last ones, the oldest first."""
    created_at: datetime = Field(sa_type=DateTime(timezone=True))
    ended_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))


@dataclass(frozen=True)
class DeliveriesOf:
    """Which deliveries a list holds."""

    tenant: str
    endpoint_id: str | None = None
    state: State | None = None


async def record_event(
    session: AsyncSession,
    *,
    tenant: str,
    event_type: str,
    object_id: str,
    now: datetime,
    extra_url: str | None = None,
) -> list[str]:
    """Record, within the caller's transaction, that something happened to an object, such as
    `response.completed`: one delivery for each of the tenant's endpoints that wants to know, and one for the
    address that the object itself named. The ids of the deliveries, to be announced after the commit.

    Recording it again changes nothing and tells the same ids. Raises ValueError for an object whose id does
    not end in a ULID.
    """
    event = event_of(tenant, event_type, object_id, now)
    receivers: list[WebhookEndpointRow | str] = [*await endpoints_wanting(session, tenant, event_type)]
    if extra_url is not None:
        receivers.append(extra_url)
    rows = [_delivery(event, tenant, now, receiver) for receiver in receivers]
    if not rows:
        return []
    recording = insert(WebhookDeliveryRow).values([row.model_dump() for row in rows])
    await session.exec(recording.on_conflict_do_nothing(index_elements=["event_id", "receiver"]))
    return await _recorded(session, event.id)


async def _recorded(session: AsyncSession, event: str) -> list[str]:
    """The ids of the deliveries that were recorded for this event id (`contracts.ids.event_id`)."""
    found = select(WebhookDeliveryRow.delivery_id).where(col(WebhookDeliveryRow.event_id) == event)
    return list((await session.exec(found.order_by(col(WebhookDeliveryRow.delivery_id)))).all())


def trial_of(
    endpoint: WebhookEndpointRow, event_type: str, object_id: str, now: datetime, spare_until: datetime
) -> WebhookDeliveryRow:
    """A delivery that shows an endpoint what it would be told. Until then only its own word has it tried.
    Raises ValueError as above."""
    event = event_of(endpoint.tenant, event_type, object_id, now)
    row = _delivery(event, endpoint.tenant, now, endpoint)
    row.is_test, row.next_at = True, spare_until
    return row


def event_of(tenant: str, event_type: str, object_id: str, now: datetime) -> Event:
    """What is told of it. Raises ValueError as above."""
    return Event(
        id=event_id(object_id, tenant, event_type),
        type=event_type,
        created_at=int(now.timestamp()),
        data=EventData(id=object_id),
    )


async def keep_delivery(session: AsyncSession, row: WebhookDeliveryRow) -> None:
    """Keep a delivery, new or changed."""
    session.add(row)
    await session.flush()


async def delivery_at(
    session: AsyncSession, tenant: str, delivery_id: str, *, is_locked: bool = False
) -> WebhookDeliveryRow | None:
    """A tenant's delivery; locked, nobody else changes it until the transaction ends."""
    found = select(WebhookDeliveryRow).where(
        col(WebhookDeliveryRow.tenant) == tenant, col(WebhookDeliveryRow.delivery_id) == delivery_id
    )
    return (await session.exec(found.with_for_update() if is_locked else found)).first()


async def deliveries_of(
    session: AsyncSession, wanted: DeliveriesOf, *, limit: int, after: str | None, order: Order
) -> tuple[list[WebhookDeliveryRow], bool]:
    """A part of a tenant's deliveries, by age, and whether there are more. Raises ApiError."""
    rows = select(WebhookDeliveryRow).where(col(WebhookDeliveryRow.tenant) == wanted.tenant)
    if wanted.endpoint_id is not None:
        rows = rows.where(col(WebhookDeliveryRow.endpoint_id) == wanted.endpoint_id)
    if wanted.state is not None:
        rows = rows.where(col(WebhookDeliveryRow.state) == wanted.state)
    id_column: Mapped[str] = col(WebhookDeliveryRow.delivery_id)
    return await keyset(session, rows, id_column, limit=limit, after=after, order=order)


async def named_due(session: AsyncSession, delivery_id: str, now: datetime) -> WebhookDeliveryRow | None:
    """This delivery, for this transaction alone, if it may be tried now: it is due, or was never tried."""
    mine = _free(now).where(
        col(WebhookDeliveryRow.delivery_id) == delivery_id,
        or_(col(WebhookDeliveryRow.next_at) <= now, col(WebhookDeliveryRow.attempts) == 0),
    )
    return (await session.exec(mine.with_for_update(skip_locked=True))).first()


async def next_due(
    session: AsyncSession, now: datetime, *, busy_receivers: Collection[str], busy_tenants: Collection[str]
) -> WebhookDeliveryRow | None:
    """The delivery that is due for longest, for this transaction alone, but for those of the busy ones."""
    due = _free(now).where(
        col(WebhookDeliveryRow.next_at) <= now,
        col(WebhookDeliveryRow.receiver).not_in(busy_receivers),
        col(WebhookDeliveryRow.tenant).not_in(busy_tenants),
    )
    due = due.order_by(col(WebhookDeliveryRow.next_at)).limit(1)
    return (await session.exec(due.with_for_update(skip_locked=True))).first()


async def next_delivery_due(
    session: AsyncSession, *, busy_receivers: Collection[str], busy_tenants: Collection[str]
) -> datetime | None:
    """When the next delivery may be tried, but for those of the busy ones; None where there is none."""
    moment = func.greatest(col(WebhookDeliveryRow.next_at), col(WebhookDeliveryRow.leased_until))
    soonest = select(func.min(moment)).where(
        col(WebhookDeliveryRow.state) == PENDING,
        col(WebhookDeliveryRow.receiver).not_in(busy_receivers),
        col(WebhookDeliveryRow.tenant).not_in(busy_tenants),
    )
    due: datetime | None = (await session.exec(soonest)).one()
    return due


async def attempted_delivery(
    session: AsyncSession, delivery_id: str, attempt: int
) -> WebhookDeliveryRow | None:
    """The delivery, locked, while that attempt has it; None when another one does, or it was ended."""
    row = await session.get(WebhookDeliveryRow, delivery_id, populate_existing=True, with_for_update=True)
    return row if row is not None and row.state == PENDING and row.attempts == attempt else None


def note_try(
    row: WebhookDeliveryRow, now: datetime, *, status: int | None, error: str | None, seconds: float
) -> None:
    """Write down how a try went."""
    error = None if error is None else error[:ERROR_LETTERS]
    row.last_status, row.last_error, row.last_seconds = status, error, round(seconds, 3)
    one: Try = {"at": now.isoformat(), "status": status, "error": error, "seconds": row.last_seconds}
    row.tries = [*row.tries, one][-MOST_TRIES:]
    row.leased_until = None


def reopen(row: WebhookDeliveryRow, now: datetime) -> None:
    """Ask for it once more, from now on: one that waits is tried at once, one that has ended begins anew. A
    try that is being made goes on."""
    row.step, row.next_at = 0, now
    row.state, row.ended_at = PENDING, None


async def fail_deliveries_to(session: AsyncSession, endpoint_id: str, why: str, now: datetime) -> None:
    """Nothing more goes to an endpoint that is gone, or off."""
    mine = col(WebhookDeliveryRow.endpoint_id) == endpoint_id, col(WebhookDeliveryRow.state) == PENDING
    ended = {"state": FAILED, "ended_at": now, "last_error": why, "leased_until": None}
    await session.exec(update(WebhookDeliveryRow).where(*mine).values(**ended))


async def forget_deliveries(session: AsyncSession, before: datetime, most: int) -> int:
    """Delete deliveries that were recorded before then and have ended, at most so many; how many."""
    old = select(WebhookDeliveryRow.delivery_id).where(
        col(WebhookDeliveryRow.created_at) < before, col(WebhookDeliveryRow.state) != PENDING
    )
    going = delete(WebhookDeliveryRow).where(col(WebhookDeliveryRow.delivery_id).in_(old.limit(most)))
    return int((await session.exec(going)).rowcount)


def _delivery(
    event: Event, tenant: str, now: datetime, receiver: WebhookEndpointRow | str
) -> WebhookDeliveryRow:
    """Of an event, for an endpoint or an address."""
    return WebhookDeliveryRow(
        delivery_id=new_id(DELIVERY),
        event_id=event.id,
        tenant=tenant,
        endpoint_id=None if isinstance(receiver, str) else receiver.endpoint_id,
        receiver=_digest(receiver) if isinstance(receiver, str) else receiver.endpoint_id,
        url=receiver if isinstance(receiver, str) else receiver.url,
        event_type=event.type,
        body=event.model_dump_json(),
        next_at=now,
        created_at=now,
    )


def _digest(url: str) -> str:
    return "url_" + hashlib.sha256(url.encode()).hexdigest()[:32]


def _free(now: datetime) -> SelectOfScalar[WebhookDeliveryRow]:
    """Those that no worker has."""
    leased = col(WebhookDeliveryRow.leased_until)
    return select(WebhookDeliveryRow).where(
        col(WebhookDeliveryRow.state) == PENDING, or_(leased.is_(None), leased <= now)
    )
