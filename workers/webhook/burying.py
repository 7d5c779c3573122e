"""Dead letters of deliveries that were given up: sent back to their topic, they are delivered anew."""

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Protocol

from contracts.headers import DeadReason, Header
from contracts.topics import WEBHOOK, Topic, dead_topic
from infra.announcing import envelope_of
from infra.bus.errors import BusError
from infra.store.webhooks import WebhookDeliveryRow
from infra.telemetry.worker_metrics import WorkerMetrics

log = logging.getLogger(__name__)


class DeadProducer(Protocol):
    """The bus, as dead letters need it."""

    async def send(self, topic: Topic, key: bytes, value: bytes, headers: Mapping[str, str]) -> None:
        """Produce, and return when the record is durable. Raises BusError."""


class DeadDeliveries:
    """Writes their letters."""

    def __init__(self, producer: DeadProducer, worker: str, metrics: WorkerMetrics) -> None:
        self._producer = producer
        self._worker = worker
        self._metrics = metrics

    async def bury(self, row: WebhookDeliveryRow, why: str) -> None:
        """Write a dead letter, when the delivery's end is committed. Never raises BusError: the row tells as
        much, and can be asked for again by the API."""
        now = datetime.now(UTC)
        headers: dict[str, str] = {
            Header.CONTENT_TYPE: "application/json",
            Header.DEAD_REASON: DeadReason.ATTEMPTS_EXHAUSTED,
            Header.DEAD_ERROR: why,
            Header.DEAD_ATTEMPTS: str(row.attempts),
            Header.DEAD_ORIGIN: f"{WEBHOOK.name}/0/0",
            Header.DEAD_WORKER: self._worker,
            Header.DEAD_AT: now.isoformat(),
        }
        value = envelope_of(row.tenant, row.delivery_id, now).model_dump_json().encode()
        try:
            await self._producer.send(dead_topic(WEBHOOK), row.delivery_id.encode(), value, headers)
        except BusError as error:
            log.warning("webhook_not_buried", extra={"delivery_id": row.delivery_id, "error": str(error)})
            return
        self._metrics.buried(WEBHOOK.name, DeadReason.ATTEMPTS_EXHAUSTED)
