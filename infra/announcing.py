"""Tells the webhook workers, after a commit, what was recorded: so that it is delivered at once.

Nothing depends on it. What is not told is found on the table, a few seconds later.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

from contracts.envelope import Caller, Lane
from contracts.ids import DELIVERY
from contracts.jobs import WebhookEnvelope, WebhookJob
from contracts.topics import WEBHOOK, Topic
from infra.bus.errors import BusError

LIFE = timedelta(hours=1)
"""For which the word is worth taking: by then the schedule has long found the delivery."""

log = logging.getLogger(__name__)


class WebhookProducer(Protocol):
    """The bus."""

    async def send(self, topic: Topic, key: bytes, value: bytes, headers: Mapping[str, str]) -> None:
        """Produce, and return when the record is durable. Raises BusError."""


async def announce(producer: WebhookProducer, tenant: str, delivery_ids: Sequence[str]) -> None:
    """Publish the words about deliveries that `record_event` recorded, when that is committed. Never raises
    BusError: it is logged."""
    try:
        await asyncio.gather(*(announce_one(producer, tenant, one) for one in delivery_ids))
    except BusError as error:
        log.warning("webhooks_not_announced", extra={"deliveries": len(delivery_ids), "error": str(error)})


async def announce_one(
    producer: WebhookProducer, tenant: str, delivery_id: str, *, reply_to: str | None = None
) -> None:
    """Publish the word about one delivery; `reply_to` is told what a test was answered. Raises BusError."""
    envelope = envelope_of(tenant, delivery_id, datetime.now(UTC), reply_to)
    headers = {"content-type": "application/json"}
    await producer.send(WEBHOOK, delivery_id.encode(), envelope.model_dump_json().encode(), headers)


def job_id_of_delivery(delivery_id: str) -> str:
    """The job of a delivery is named by the same ULID."""
    return delivery_id.removeprefix(DELIVERY)


def envelope_of(tenant: str, delivery_id: str, now: datetime, reply_to: str | None = None) -> WebhookEnvelope:
    """The word about a delivery. Nobody in particular asks: the caller has no user."""
    return WebhookEnvelope(
        job_id=job_id_of_delivery(delivery_id),
        kind="webhook",
        tenant=tenant,
        caller=Caller(user_id="", tenant=tenant),
        lane=Lane.DEFAULT,
        asked_at=now,
        deadline=now + LIFE,
        reply_to=reply_to,
        job=WebhookJob(delivery_id=delivery_id),
    )
