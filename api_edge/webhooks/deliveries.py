"""Deliveries, as their tenant sees them: listed, read, asked for again, and tests."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from api_edge.deps import Edge
from api_edge.middleware.paging import PageAsk, page_of
from api_edge.relay.answer import result_of
from api_edge.relay.running import GRACE_SECONDS, Running
from api_edge.webhooks.endpoints import found_endpoint
from contracts.envelope import Caller
from contracts.errors import ApiError, ErrorCode
from contracts.ids import DELIVERY, RESPONSE, is_id, new_id
from contracts.wire.lists import Page
from contracts.wire.webhooks import (
    WebhookDelivery,
    WebhookDeliveryWithTries,
    WebhookTest,
    WebhookTestAsk,
    WebhookTry,
)
from infra.announcing import announce, announce_one, job_id_of_delivery
from infra.bus.errors import BusError
from infra.database import Database, Transaction
from infra.settings import WebhookSettings
from infra.store.webhook_endpoints import endpoint_at
from infra.store.webhooks import (
    PENDING,
    DeliveriesOf,
    State,
    WebhookDeliveryRow,
    deliveries_of,
    delivery_at,
    keep_delivery,
    reopen,
    trial_of,
)

BATCH = "batch_"
SPARED = timedelta(minutes=1)
"""For which a test is left to its own word: whoever asked waits for that one's answer."""


@dataclass(frozen=True)
class Deliveries:
    """What a caller does with deliveries."""

    database: Database
    edge: Edge
    settings: WebhookSettings

    async def page(
        self, caller: Caller, ask: PageAsk, endpoint_id: str | None, state: State | None
    ) -> Page[WebhookDelivery]:
        """The caller's deliveries, by age. Raises ApiError for an unknown `after`."""
        wanted = DeliveriesOf(caller.tenant, endpoint_id, state)
        async with self.database.begin() as session:
            rows, has_more = await deliveries_of(
                session, wanted, limit=ask.limit, after=ask.after, order=ask.order
            )
        return page_of([_view(row) for row in rows], has_more, lambda one: one.id)

    async def read(self, caller: Caller, delivery_id: str) -> WebhookDeliveryWithTries:
        """A delivery. Raises ApiError: 404."""
        async with self.database.begin() as session:
            return _whole(await _found(session, caller, delivery_id))

    async def redeliver(self, caller: Caller, delivery_id: str) -> WebhookDelivery:
        """Have it delivered again, from now on. Raises ApiError: 404, or 409 where nobody is to be told."""
        async with self.database.begin() as session:
            row = await _found(session, caller, delivery_id, is_locked=True)
            if row.endpoint_id is not None:
                endpoint = await endpoint_at(session, caller.tenant, row.endpoint_id)
                if endpoint is None or not endpoint.is_enabled:
                    message = "Its webhook endpoint is deleted or switched off"
                    raise ApiError(ErrorCode.CONFLICT, message)
            reopen(row, datetime.now(UTC))
            await keep_delivery(session, row)
        await announce(self.edge.producer, caller.tenant, [delivery_id])
        return _view(row)

    async def test(self, caller: Caller, endpoint_id: str, ask: WebhookTestAsk) -> WebhookTest:
        """Show an event to an endpoint; what it answers. Raises ApiError: 404; 400 when it does not answer;
        504 when no worker does."""
        now = datetime.now(UTC)
        prefix = BATCH if ask.event_type.startswith("batch.") else RESPONSE
        async with self.database.begin() as session:
            endpoint = await found_endpoint(session, caller, endpoint_id)
            row = trial_of(endpoint, ask.event_type.value, new_id(prefix), now, now + SPARED)
            await keep_delivery(session, row)
        return WebhookTest.model_validate_json(await self._answered(caller, row.delivery_id))

    async def _answered(self, caller: Caller, delivery_id: str) -> bytes:
        relay, job_id = self.edge.relay, job_id_of_delivery(delivery_id)
        until = asyncio.get_running_loop().time() + self.settings.timeout + GRACE_SECONDS
        with relay.follow(job_id) as follower:
            try:
                await announce_one(self.edge.producer, caller.tenant, delivery_id, reply_to=relay.channel)
                result = await result_of(self.edge, Running(job_id, follower, "", until))
            except BusError as error:
                message = "The test cannot be queued now; try again"
                raise ApiError(ErrorCode.DEPENDENCY_DOWN, message, retry_after=5) from error
        return result or b""


async def _found(
    session: Transaction, caller: Caller, delivery_id: str, *, is_locked: bool = False
) -> WebhookDeliveryRow:
    row = None
    if is_id(delivery_id, DELIVERY):
        row = await delivery_at(session, caller.tenant, delivery_id, is_locked=is_locked)
    if row is None:
        raise ApiError(ErrorCode.NOT_FOUND, "There is no such delivery")
    return row


def _fields(row: WebhookDeliveryRow) -> dict[str, object]:
    return {
        "id": row.delivery_id,
        "event_id": row.event_id,
        "event_type": row.event_type,
        "webhook_endpoint_id": row.endpoint_id,
        "url": row.url,
        "is_test": row.is_test,
        "state": row.state,
        "attempts": row.attempts,
        "next_attempt_at": _seconds(row.next_at) if row.state == PENDING else None,
        "last_status_code": row.last_status,
        "last_error": row.last_error,
        "created_at": _seconds(row.created_at),
        "ended_at": None if row.ended_at is None else _seconds(row.ended_at),
    }


def _view(row: WebhookDeliveryRow) -> WebhookDelivery:
    return WebhookDelivery.model_validate(_fields(row))


def _whole(row: WebhookDeliveryRow) -> WebhookDeliveryWithTries:
    tries = [
        WebhookTry(at=one["at"], status_code=one["status"], error=one["error"], seconds=one["seconds"])
        for one in row.tries
    ]
    return WebhookDeliveryWithTries.model_validate({**_fields(row), "body": row.body, "tries": tries})


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
