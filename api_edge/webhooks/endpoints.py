"""A tenant's webhook endpoints: begun, changed, given other secrets, deleted."""

from dataclasses import dataclass
from datetime import UTC, datetime

from api_edge.middleware.paging import PageAsk, page_of
from contracts.envelope import Caller
from contracts.errors import ApiError, ErrorCode
from contracts.ids import WEBHOOK, is_id, new_id
from contracts.wire.lists import Page
from contracts.wire.webhooks import (
    Webhook,
    WebhookAsk,
    WebhookEventType,
    WebhookPatch,
    WebhookRotateAsk,
    WebhookSecret,
    WebhookWithSecret,
)
from infra.database import Database, Transaction
from infra.outgoing.posting import PostTargets
from infra.sealing import SealBroken, Sealer
from infra.settings import WebhookSettings
from infra.store.webhook_endpoints import (
    Signing,
    WebhookEndpointRow,
    WebhookSecretRow,
    delete_endpoint,
    endpoint_at,
    endpoint_count,
    endpoints_of,
    keep_endpoint,
    new_endpoint,
    replace_secret,
    secrets_of,
    tenant_secret,
)
from infra.store.webhooks import fail_deliveries_to

DELETED = "its endpoint was deleted"


class UnknownEndpoint(ApiError):
    """The caller has no such endpoint."""

    def __init__(self) -> None:
        super().__init__(ErrorCode.NOT_FOUND, "There is no such webhook endpoint")


@dataclass(frozen=True)
class Endpoints:
    """What a caller does with their endpoints, and with their tenant's own secret."""

    database: Database
    sealer: Sealer
    targets: PostTargets
    settings: WebhookSettings

    async def create(self, caller: Caller, ask: WebhookAsk) -> WebhookWithSecret:
        """A new endpoint. Raises ApiError: 400 for an address that is refused, 409 where there are enough."""
        self.targets.check(ask.url, param="url")
        row, secret = new_endpoint(
            new_id(WEBHOOK), caller.tenant, ask.name, ask.url, self.sealer, datetime.now(UTC)
        )
        row.event_types = _types(ask.event_types)
        async with self.database.begin() as session:
            if await endpoint_count(session, caller.tenant) >= self.settings.max_endpoints:
                message = f"There are {self.settings.max_endpoints} webhook endpoints already; delete one"
                raise ApiError(ErrorCode.CONFLICT, message)
            await keep_endpoint(session, row)
        return _with_secret(row, secret)

    async def page(self, caller: Caller, ask: PageAsk) -> Page[Webhook]:
        """The caller's endpoints, by age. Raises ApiError for an unknown `after`."""
        async with self.database.begin() as session:
            rows, has_more = await endpoints_of(
                session, caller.tenant, limit=ask.limit, after=ask.after, order=ask.order
            )
        return page_of([_view(row) for row in rows], has_more, lambda one: one.id)

    async def read(self, caller: Caller, endpoint_id: str) -> Webhook:
        """An endpoint. Raises UnknownEndpoint."""
        async with self.database.begin() as session:
            return _view(await found_endpoint(session, caller, endpoint_id))

    async def change(self, caller: Caller, endpoint_id: str, patch: WebhookPatch) -> Webhook:
        """An endpoint, as it is then. Raises ApiError: 404, or 400 for an address that is refused."""
        if patch.url is not None:
            self.targets.check(patch.url, param="url")
        async with self.database.begin() as session:
            row = await found_endpoint(session, caller, endpoint_id, is_locked=True)
            if _take(row, patch):
                row.updated_at = datetime.now(UTC)
            await keep_endpoint(session, row)
        return _view(row)

    async def rotate(self, caller: Caller, endpoint_id: str, ask: WebhookRotateAsk) -> WebhookWithSecret:
        """An endpoint with another secret. Raises UnknownEndpoint."""
        keeps = ask.keep_old_secret_active_for_24_hours
        async with self.database.begin() as session:
            row = await found_endpoint(session, caller, endpoint_id, is_locked=True)
            secret = replace_secret(row, self.sealer, datetime.now(UTC), keeps_former=keeps)
            await session.flush()
        return _with_secret(row, secret)

    async def delete(self, caller: Caller, endpoint_id: str) -> None:
        """Delete an endpoint: what still waits for it has failed. Raises UnknownEndpoint."""
        async with self.database.begin() as session:
            row = await found_endpoint(session, caller, endpoint_id, is_locked=True)
            await delete_endpoint(session, row)
            await fail_deliveries_to(session, row.endpoint_id, DELETED, datetime.now(UTC))

    async def secret(self, caller: Caller) -> WebhookSecret:
        """The tenant's own secret, made where there is none. Raises ApiError."""
        now = datetime.now(UTC)
        async with self.database.begin() as session:
            row = await tenant_secret(session, caller.tenant, self.sealer, now)
        return _secret_view(row, self._opened(row, now), now)

    async def rotate_own(self, caller: Caller, ask: WebhookRotateAsk) -> WebhookSecret:
        """Another secret of the tenant's own. Raises ApiError."""
        now, keeps = datetime.now(UTC), ask.keep_old_secret_active_for_24_hours
        async with self.database.begin() as session:
            row = await tenant_secret(session, caller.tenant, self.sealer, now)
            secret = replace_secret(row, self.sealer, now, keeps_former=keeps)
            await session.flush()
        return _secret_view(row, secret, now)

    def _opened(self, row: Signing, now: datetime) -> str:
        try:
            return secrets_of(row, self.sealer, now)[0]
        except SealBroken as error:
            message = "The secret cannot be opened now; an operator must look at JAN_SEAL_KEYS"
            raise ApiError(ErrorCode.INTERNAL, message) from error


async def found_endpoint(
    session: Transaction, caller: Caller, endpoint_id: str, *, is_locked: bool = False
) -> WebhookEndpointRow:
    """The caller's endpoint. Raises UnknownEndpoint, also for another tenant's."""
    row = None
    if is_id(endpoint_id, WEBHOOK):
        row = await endpoint_at(session, caller.tenant, endpoint_id, is_locked=is_locked)
    if row is None:
        raise UnknownEndpoint
    return row


def _take(row: WebhookEndpointRow, patch: WebhookPatch) -> bool:
    """Whether anything is other than it was."""
    before = (row.name, row.url, row.event_types, row.is_enabled)
    row.name = row.name if patch.name is None else patch.name
    row.url = row.url if patch.url is None else patch.url
    row.event_types = row.event_types if patch.event_types is None else _types(patch.event_types)
    row.is_enabled = row.is_enabled if patch.is_enabled is None else patch.is_enabled
    return before != (row.name, row.url, row.event_types, row.is_enabled)


def _types(wanted: list[WebhookEventType]) -> list[str]:
    """Each once, as they were given."""
    return list(dict.fromkeys(one.value for one in wanted))


def _fields(row: WebhookEndpointRow) -> dict[str, object]:
    return {
        "id": row.endpoint_id,
        "name": row.name,
        "url": row.url,
        "event_types": row.event_types,
        "is_enabled": row.is_enabled,
        "signing_secret_hint": row.secret_hint,
        "created_at": _seconds(row.created_at),
        "updated_at": _seconds(row.updated_at),
    }


def _view(row: WebhookEndpointRow) -> Webhook:
    return Webhook.model_validate(_fields(row))


def _with_secret(row: WebhookEndpointRow, secret: str) -> WebhookWithSecret:
    return WebhookWithSecret.model_validate({**_fields(row), "signing_secret": secret})


def _secret_view(row: WebhookSecretRow, secret: str, now: datetime) -> WebhookSecret:
    until = row.former_until
    return WebhookSecret(
        signing_secret=secret,
        former_secret_until=None if until is None or until <= now else _seconds(until),
        updated_at=_seconds(row.updated_at),
    )


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
