"""Takes words about deliveries from their topic: each has one delivery tried now, if it is due.

A word is never more than that. What it cannot do now, the schedule does: nothing is lost with it.
"""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Protocol

from contracts.errors import ApiError, ErrorCode, ErrorDetail
from contracts.frames import FrameKind, frame
from contracts.headers import Header
from contracts.jobs import WebhookEnvelope, WebhookJob
from contracts.wire.webhooks import WebhookTest
from infra.bus.record import Record
from infra.database import Database
from infra.relay.placed import Place
from infra.relay.redis import RelayDown
from infra.store.webhooks import FAILED, PENDING, WebhookDeliveryRow, delivery_at, reopen
from workers.runtime.reading import Reading

log = logging.getLogger(__name__)


class Deliverer(Protocol):
    """What makes the tries."""

    async def deliver(self, delivery_id: str) -> None:
        """Try one delivery, if that may be. Raises ApiError."""


class Logs(Protocol):
    """Logs whose frames have their places."""

    async def write(self, place: Place, first_seq: int, frames: Sequence[bytes]) -> bool:
        """Put frames to their places. Raises RelayDown."""


class WebhookWork:
    """The work of this room."""

    def __init__(
        self, reading: Reading[WebhookJob], database: Database, deliverer: Deliverer, logs: Logs
    ) -> None:
        self._reading = reading
        self._database = database
        self._deliverer = deliverer
        self._logs = logs

    async def on_record(self, record: Record) -> None:
        """Take one word. Raises Poison for what is none."""
        envelope = self._reading.read(record)
        try:
            if Header.REDRIVE in record.headers:
                await self._reopen(envelope)
            await self._deliverer.deliver(envelope.job.delivery_id)
            if envelope.reply_to is not None:
                await self._reply(envelope, envelope.reply_to)
        except (ApiError, RelayDown) as error:
            about = {"delivery_id": envelope.job.delivery_id, "error": str(error)}
            log.warning("webhook_left_to_schedule", extra=about)

    async def on_dead(self, record: Record, error: ErrorDetail) -> None:
        """No attempt could take a word: its delivery is due all the same."""

    async def _reopen(self, envelope: WebhookEnvelope) -> None:
        """An operator sent a dead letter back."""
        async with self._database.begin() as session:
            row = await delivery_at(session, envelope.tenant, envelope.job.delivery_id, is_locked=True)
            if row is not None and row.state == FAILED:
                reopen(row, datetime.now(UTC))

    async def _reply(self, envelope: WebhookEnvelope, channel: str) -> None:
        """Tell the edge that waits what a test was answered."""
        async with self._database.begin() as session:
            row = await delivery_at(session, envelope.tenant, envelope.job.delivery_id)
        if row is not None and row.state != PENDING:
            place = Place(envelope.job_id, envelope.tenant, channel)
            await self._logs.write(place, 0, [_told(row)])


def _told(row: WebhookDeliveryRow) -> bytes:
    if row.last_status is None:
        message = f"The endpoint did not answer: {row.last_error}"
        detail = ApiError(ErrorCode.INVALID_VALUE, message, param="url").detail
        return frame(FrameKind.ERROR, 1, detail.model_dump_json().encode())
    told = WebhookTest(
        webhook_endpoint_id=row.endpoint_id or "", event_type=row.event_type, status_code=row.last_status
    )
    return frame(FrameKind.RESULT, 1, told.model_dump_json().encode())
