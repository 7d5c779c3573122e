"""Providers, as admins look after them. Each change is in the audit log, and felt within a second."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from api_edge.middleware.paging import PageAsk, page_of
from contracts.errors import ApiError, ErrorCode
from contracts.ids import PROVIDER, is_id, new_id
from contracts.wire.admin_providers import (
    AdminProvider,
    EndpointShape,
    EndpointState,
    ProviderAsk,
    ProviderFields,
    ProviderPatch,
)
from contracts.wire.lists import Page
from infra.database import Database, Transaction
from infra.notices import Notices
from infra.outgoing.addresses import AddressPolicy
from infra.outgoing.resolving import checked_name
from infra.outgoing.urls import checked_url
from infra.registry.health import EndpointHealth
from infra.registry.reading import tell_changed
from infra.sealing import Sealer
from infra.store.audit import Actor, note_change
from infra.store.provider_models import ModelCounts, model_counts
from infra.store.providers import (
    SEALED,
    ProviderRow,
    delete_provider,
    keep_provider,
    locked_provider,
    provider_named,
    providers_page,
)

SHOWN_OF_KEY = 4
SHORT_KEY = 12
"""Characters; of a shorter key nothing is shown."""
REDACTED = "[redacted]"
PLAIN = {
    "display_name": "display_name",
    "vendor": "vendor",
    "protocol": "protocol",
    "auth": "auth",
    "models": "models",
    "prefill": "prefill",
    "tokenizer": "tokenizer",
    "media": "media",
    "limits": "limits",
    "metadata": "meta",
    "auto_enable_new_models": "enables_models",
    "active": "is_active",
}
"""Fields that are kept as they are, by their column."""
CLEARED: Mapping[str, Any] = {
    "models": [],
    "limits": {},
    "metadata": {},
    "prefill": "none",
    "tokenizer": "none",
    "media": "inline",
}
"""What null makes of a field."""
LISTS_ANEW = frozenset({"protocol", "auth", "endpoints", "api_key", "models", "active", "vendor"})
"""Changes after which its list of models is read again."""


class Health(Protocol):
    """How endpoints are."""

    async def of(self, provider_id: str) -> list[EndpointHealth]:
        """Those of a provider, as far as workers told lately."""


class UnknownProvider(ApiError):
    """There is no provider of this id."""

    def __init__(self) -> None:
        super().__init__(ErrorCode.NOT_FOUND, "There is no such provider")


@dataclass(frozen=True)
class AdminProviders:
    """What an admin does with providers."""

    database: Database
    notices: Notices
    sealer: Sealer
    health: Health
    policy: AddressPolicy

    async def page(self, ask: PageAsk) -> Page[AdminProvider]:
        """A part of all providers. Raises ApiError for an unknown `after`."""
        async with self.database.begin() as session:
            rows, has_more = await providers_page(session, limit=ask.limit, after=ask.after, order=ask.order)
            counts = await model_counts(session, [row.provider_id for row in rows])
        shown = [await self._view(row, counts.get(row.provider_id, ModelCounts())) for row in rows]
        return page_of(shown, has_more, lambda provider: provider.id)

    async def read(self, provider_id: str) -> AdminProvider:
        """A provider. Raises UnknownProvider."""
        async with self.database.begin() as session:
            row = _known(await provider_named(session, _id(provider_id)))
            counts = await model_counts(session, [row.provider_id])
        return await self._view(row, counts.get(row.provider_id, ModelCounts()))

    async def create(self, ask: ProviderAsk, by: Actor) -> AdminProvider:
        """A new provider, whose models are read at once. Raises ApiError: 409 for a name that is taken, 400
        for an address that is refused."""
        await self._check(ask)
        now = datetime.now(UTC)
        protocol = ask.protocol or ("anthropic" if ask.vendor == "anthropic" else "openai")
        row = ProviderRow(
            provider_id=new_id(PROVIDER), name=ask.name, display_name=ask.display_name or ask.name,
            vendor=ask.vendor, protocol=protocol, auth=ask.auth or _usual_auth(ask.vendor, protocol),
            endpoints=[], sync_due_at=now, created_at=now, updated_at=now,
        )  # fmt: skip
        given = {name: value for name, value in _given(ask).items() if value is not None}
        changes = self._take(row, {name: given[name] for name in given if name not in ("protocol", "auth")})
        async with self.database.begin() as session:
            await keep_provider(session, row)
            note_change(
                session, by, now, "provider.create", row.provider_id, {"name": [None, row.name], **changes}
            )
        await tell_changed(self.notices)
        return await self._view(row, ModelCounts())

    async def change(self, provider_id: str, patch: ProviderPatch, by: Actor) -> AdminProvider:
        """Change what is given. Raises ApiError: UnknownProvider, or 400 for an address that is refused."""
        await self._check(patch)
        now = datetime.now(UTC)
        async with self.database.begin() as session:
            row = _known(await locked_provider(session, _id(provider_id)))
            changes = self._take(row, _given(patch))
            if changes:
                row.revision, row.updated_at = row.revision + 1, now
                if changes.keys() & LISTS_ANEW:
                    row.sync_due_at = now
                await session.flush()
                note_change(session, by, now, "provider.update", row.provider_id, changes)
            counts = await model_counts(session, [row.provider_id])
        if changes:
            await tell_changed(self.notices)
        return await self._view(row, counts.get(row.provider_id, ModelCounts()))

    async def sync(self, provider_id: str, by: Actor) -> AdminProvider:
        """Let a provider's list of models be read now, by a worker. Raises UnknownProvider."""
        now = datetime.now(UTC)
        async with self.database.begin() as session:
            row = _known(await locked_provider(session, _id(provider_id)))
            row.sync_due_at = now
            await session.flush()
            note_change(session, by, now, "provider.sync", row.provider_id, {})
            counts = await model_counts(session, [row.provider_id])
        await tell_changed(self.notices)
        return await self._view(row, counts.get(row.provider_id, ModelCounts()))

    async def delete(self, provider_id: str, by: Actor) -> None:
        """Forget a provider, its key and what it offered. Raises UnknownProvider."""
        async with self.database.begin() as session:
            row = _known(await locked_provider(session, _id(provider_id)))
            await self._deleted(session, row, by)
        await tell_changed(self.notices)

    async def _deleted(self, session: Transaction, row: ProviderRow, by: Actor) -> None:
        await delete_provider(session, row)
        note_change(
            session, by, datetime.now(UTC), "provider.delete", row.provider_id, {"name": [row.name, None]}
        )

    async def _check(self, fields: ProviderFields) -> None:
        """Raise ApiError for an address that leads where this server does not go."""
        for endpoint in fields.addresses or ():
            parts = checked_url(endpoint.url, self.policy, param="base_url")
            await checked_name(parts.hostname or "", self.policy, param="base_url")

    def _take(self, row: ProviderRow, given: Mapping[str, Any]) -> dict[str, Any]:  # fields, by their names
        """Put what is given into the row; what that changes, with old and new."""
        changes: dict[str, Any] = {}
        for name, column in PLAIN.items():
            if name in given:
                value = CLEARED.get(name) if given[name] is None else given[name]
                if name == "display_name" and value is None:
                    value = row.name
                if value is not None and getattr(row, column) != value:
                    changes[name] = [getattr(row, column), value]
                    setattr(row, column, value)
        if given.get("endpoints") is not None and row.endpoints != given["endpoints"]:
            changes["endpoints"] = [row.endpoints, given["endpoints"]]
            row.endpoints = given["endpoints"]
        if "api_key" in given:
            changes |= self._put_key(row, given["api_key"])
        return changes

    def _put_key(self, row: ProviderRow, key: str | None) -> dict[str, Any]:  # as above
        if key is None and row.sealed_key is None:
            return {}
        before = None if row.sealed_key is None else REDACTED
        row.sealed_key = None if key is None else SEALED.seal(self.sealer, row.provider_id, key)
        row.key_hint = None if key is None else key[-SHOWN_OF_KEY:] if len(key) >= SHORT_KEY else ""
        return {"api_key": [before, None if key is None else REDACTED]}

    async def _view(self, row: ProviderRow, counts: ModelCounts) -> AdminProvider:
        health = await asyncio.shield(self.health.of(row.provider_id))
        return AdminProvider(
            id=row.provider_id,
            name=row.name,
            display_name=row.display_name,
            vendor=row.vendor,
            protocol=row.protocol,
            auth=row.auth,
            base_url=row.endpoints[0]["url"] if row.endpoints else "",
            endpoints=[EndpointShape(**one) for one in row.endpoints],
            key_hint=row.key_hint,
            models=row.models,
            models_count=counts.all,
            models_active=counts.active,
            prefill=row.prefill,
            tokenizer=row.tokenizer,
            media=row.media,
            limits=row.limits,
            metadata=row.meta,
            auto_enable_new_models=row.enables_models,
            active=row.is_active,
            source=row.source,
            health=[EndpointState(**vars(one)) for one in health],
            last_synced_at=row.synced_at,
            sync_error=row.sync_error,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )


def _given(fields: ProviderFields) -> dict[str, Any]:  # as above
    """What a body sets, each under its own name; addresses as endpoints."""
    dumped = fields.model_dump()
    given = {name: dumped[name] for name in fields.model_fields_set if name in dumped}
    addresses = fields.addresses
    if addresses is not None:
        given["endpoints"] = [one.model_dump() for one in addresses]
    return given


def _usual_auth(vendor: str, protocol: str) -> str:
    if protocol == "anthropic":
        return "x-api-key"
    return "api-key" if vendor.startswith("azure") else "bearer"


def _id(provider_id: str) -> str:
    if not is_id(provider_id, PROVIDER):
        raise UnknownProvider
    return provider_id


def _known(row: ProviderRow | None) -> ProviderRow:
    if row is None:
        raise UnknownProvider
    return row
