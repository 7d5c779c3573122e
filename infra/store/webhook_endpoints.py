"""Webhook endpoints: where a tenant wants to be told of what, and the secrets that sign it.

A tenant has a secret of its own beside those of its endpoints: it signs what goes to an address that a single
response named (`metadata.webhook_url`). It is made when it is first needed.
"""

import base64
import os
from datetime import datetime, timedelta

from sqlalchemy import Column, DateTime, Index, func
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import Mapped
from sqlmodel import Field, col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from infra.sealing import Sealer
from infra.store.keyset import Order, keyset
from infra.store.sealed import SealedColumn
from infra.store.table import Table

SECRET_PREFIX = "whsec_"  # noqa: S105  what secrets begin with
SECRET_BYTES = 32
"""Standard Webhooks asks for 24 to 64."""
HINT_LETTERS = 4
FORMER_LIFE = timedelta(hours=24)
"""For which a secret that was replaced still signs, where that is asked for."""


class Signing(Table):
    """What signs: a secret, and the one before it while that still counts."""

    sealed_secret: str
    secret_hint: str = Field(max_length=32)
    """What a person tells it by."""
    former_secret: str | None = None
    """The one before it, sealed."""
    former_until: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    """Until when that one signs, too."""
    updated_at: datetime = Field(sa_type=DateTime(timezone=True))


class WebhookEndpointRow(Signing, table=True):
    """One endpoint."""

    __tablename__ = "webhook_endpoints"
    __table_args__ = (Index("ix_webhook_endpoints_tenant_endpoint_id", "tenant", "endpoint_id"),)

    endpoint_id: str = Field(primary_key=True, max_length=64)
    tenant: str = Field(max_length=128)
    name: str = Field(max_length=120)
    url: str = Field(max_length=2_048)
    event_types: list[str] = Field(sa_column=Column(JSONB, nullable=False))
    is_enabled: bool = True
    """False: it is told nothing. It answered 410, or its tenant said so."""
    created_at: datetime = Field(sa_type=DateTime(timezone=True))


class WebhookSecretRow(Signing, table=True):
    """A tenant's own secret."""

    __tablename__ = "webhook_secrets"

    tenant: str = Field(primary_key=True, max_length=128)


ENDPOINT_SECRET = SealedColumn(WebhookEndpointRow, "endpoint_id", "sealed_secret")
ENDPOINT_FORMER = SealedColumn(WebhookEndpointRow, "endpoint_id", "former_secret")
TENANT_SECRET = SealedColumn(WebhookSecretRow, "tenant", "sealed_secret")
TENANT_FORMER = SealedColumn(WebhookSecretRow, "tenant", "former_secret")


def new_secret() -> str:
    """A signing secret, as Standard Webhooks writes them: `whsec_` and base64."""
    return SECRET_PREFIX + base64.b64encode(os.urandom(SECRET_BYTES)).decode()


def hint_of(secret: str) -> str:
    """What is shown of a secret."""
    return f"{SECRET_PREFIX}...{secret[-HINT_LETTERS:]}"


def replace_secret(row: Signing, sealer: Sealer, now: datetime, *, keeps_former: bool) -> str:
    """Give a row another secret, which is returned and never told again; the one before it still signs for a
    day, where it is kept."""
    secret = new_secret()
    row.former_secret, row.former_until = None, None
    if keeps_former:
        row.former_secret, row.former_until = row.sealed_secret, now + FORMER_LIFE
    column, row_id = _place(row)
    row.sealed_secret, row.secret_hint = column.seal(sealer, row_id, secret), hint_of(secret)
    row.updated_at = now
    return secret


def secrets_of(row: Signing, sealer: Sealer, now: datetime) -> list[str]:
    """What signs now, the newest first. Raises SealBroken."""
    column, row_id = _place(row)
    sealed = [row.sealed_secret]
    if row.former_secret is not None and row.former_until is not None and now < row.former_until:
        sealed.append(row.former_secret)
    return [column.open(sealer, row_id, one) for one in sealed]


def new_endpoint(
    endpoint_id: str, tenant: str, name: str, url: str, sealer: Sealer, now: datetime
) -> tuple[WebhookEndpointRow, str]:
    """An endpoint that is told of nothing yet, and its secret."""
    secret = new_secret()
    row = WebhookEndpointRow(
        endpoint_id=endpoint_id,
        tenant=tenant,
        name=name,
        url=url,
        event_types=[],
        sealed_secret=ENDPOINT_SECRET.seal(sealer, endpoint_id, secret),
        secret_hint=hint_of(secret),
        created_at=now,
        updated_at=now,
    )
    return row, secret


async def delete_endpoint(session: AsyncSession, row: WebhookEndpointRow) -> None:
    """Delete an endpoint."""
    await session.delete(row)
    await session.flush()


async def keep_endpoint(session: AsyncSession, row: WebhookEndpointRow) -> None:
    """Keep an endpoint, new or changed."""
    session.add(row)
    await session.flush()


async def endpoint_at(
    session: AsyncSession, tenant: str, endpoint_id: str, *, is_locked: bool = False
) -> WebhookEndpointRow | None:
    """A tenant's endpoint; locked, nobody else changes it until the transaction ends."""
    found = select(WebhookEndpointRow).where(
        col(WebhookEndpointRow.tenant) == tenant, col(WebhookEndpointRow.endpoint_id) == endpoint_id
    )
    return (await session.exec(found.with_for_update() if is_locked else found)).first()


async def endpoints_of(
    session: AsyncSession, tenant: str, *, limit: int, after: str | None, order: Order
) -> tuple[list[WebhookEndpointRow], bool]:
    """A part of a tenant's endpoints, by age, and whether there are more. Raises ApiError."""
    rows = select(WebhookEndpointRow).where(col(WebhookEndpointRow.tenant) == tenant)
    id_column: Mapped[str] = col(WebhookEndpointRow.endpoint_id)
    return await keyset(session, rows, id_column, limit=limit, after=after, order=order)


async def endpoint_count(session: AsyncSession, tenant: str) -> int:
    """How many endpoints a tenant has. Exact until the transaction ends: others that ask wait."""
    await session.exec(select(func.pg_advisory_xact_lock(func.hashtextextended(f"webhooks {tenant}", 0))))
    counting = select(func.count()).select_from(WebhookEndpointRow)
    return (await session.exec(counting.where(col(WebhookEndpointRow.tenant) == tenant))).one()


async def endpoints_wanting(session: AsyncSession, tenant: str, event_type: str) -> list[WebhookEndpointRow]:
    """A tenant's endpoints that are told of this, in order of their age."""
    wanting = select(WebhookEndpointRow).where(
        col(WebhookEndpointRow.tenant) == tenant,
        col(WebhookEndpointRow.is_enabled),
        col(WebhookEndpointRow.event_types).contains([event_type]),
    )
    return list((await session.exec(wanting.order_by(col(WebhookEndpointRow.endpoint_id)))).all())


async def tenant_secret(
    session: AsyncSession, tenant: str, sealer: Sealer, now: datetime
) -> WebhookSecretRow:
    """A tenant's own secret, locked; made where there is none."""
    mine = select(WebhookSecretRow).where(col(WebhookSecretRow.tenant) == tenant).with_for_update()
    row = (await session.exec(mine)).first()
    if row is not None:
        return row
    secret = new_secret()
    making = insert(WebhookSecretRow).values(
        tenant=tenant,
        sealed_secret=TENANT_SECRET.seal(sealer, tenant, secret),
        secret_hint=hint_of(secret),
        updated_at=now,
    )
    await session.exec(making.on_conflict_do_nothing())
    return (await session.exec(mine)).one()


def _place(row: Signing) -> tuple[SealedColumn, str]:
    """Where its secrets lie."""
    match row:
        case WebhookEndpointRow():
            return ENDPOINT_SECRET, row.endpoint_id
        case WebhookSecretRow():
            return TENANT_SECRET, row.tenant
    message = f"{type(row).__name__} holds no secrets"
    raise TypeError(message)
