"""Models that providers offer, with what each costs there."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Column, DateTime, UniqueConstraint, func, or_
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped
from sqlmodel import Field, col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from contracts.ids import PROVIDER_MODEL, new_id
from infra.store.catalogs import CatalogRow, ensure_catalogs
from infra.store.keyset import Order, keyset
from infra.store.providers import ProviderRow
from infra.store.table import Table

Json = Any  # a JSON value, whose shape the room that keeps it checks


class ProviderModelRow(Table, table=True):
    """One model of one provider."""

    __tablename__ = "provider_models"
    __table_args__ = (UniqueConstraint("provider_id", "original_id"),)

    provider_model_id: str = Field(primary_key=True, max_length=64)
    provider_id: str = Field(
        foreign_key=f"{ProviderRow.__tablename__}.provider_id", ondelete="CASCADE", max_length=64
    )
    catalog_id: str = Field(foreign_key=f"{CatalogRow.__tablename__}.catalog_id", max_length=256, index=True)
    original_id: str = Field(max_length=256)
    """What the provider calls it, and what it is asked for."""
    display_name: str = Field(max_length=256)
    owned_by: str = Field(max_length=256)
    created: int = Field(sa_type=BigInteger)
    """Unix time, in seconds, as the provider tells it."""
    input_price: int | None = Field(default=None, sa_type=BigInteger)
    """Millionths of a US dollar for a million tokens of prompt; None: no price is known."""
    cached_price: int | None = Field(default=None, sa_type=BigInteger)
    """The same for those that the provider had in its cache; None: the full price."""
    output_price: int | None = Field(default=None, sa_type=BigInteger)
    """The same for a million tokens of answer."""
    context_length: int | None = None
    max_completion_tokens: int | None = None
    family: str | None = Field(default=None, max_length=128)
    supports_images: bool | None = None
    supports_tools: bool | None = None
    supports_embeddings: bool | None = None
    supports_reasoning: bool | None = None
    supports_audio: bool | None = None
    supports_video: bool | None = None
    is_active: bool = True
    edited: list[str] = Field(default_factory=list, sa_column=Column(JSONB, nullable=False))
    """Fields that an admin set: no synchronisation changes them."""
    seen_at: datetime = Field(sa_type=DateTime(timezone=True))
    missing_since: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    """When the provider's list was first without it: it is not on offer, and keeps what an admin set."""
    created_at: datetime = Field(sa_type=DateTime(timezone=True))
    updated_at: datetime = Field(sa_type=DateTime(timezone=True))


@dataclass(frozen=True)
class Listed:
    """A model as its provider lists it; None where the provider does not say."""

    original_id: str
    catalog_id: str
    owned_by: str
    created: int = 0
    display_name: str | None = None
    context_length: int | None = None
    max_completion_tokens: int | None = None
    input_price: int | None = None
    cached_price: int | None = None
    output_price: int | None = None
    supports: Mapping[str, bool] = field(default_factory=dict)
    """As `{"images": True}`."""

    @property
    def slug(self) -> str:
        """The last part of its id."""
        return self.original_id.rpartition("/")[2]


async def replace_listed(
    session: AsyncSession, provider: ProviderRow, listed: Sequence[Listed], now: datetime
) -> bool:
    """A provider lists these models, and no others; whether that changes what it offers.

    What an admin set of one stays as it is.
    """
    has_provider = col(ProviderModelRow.provider_id) == provider.provider_id
    known = {row.original_id: row for row in await session.exec(select(ProviderModelRow).where(has_provider))}
    await ensure_catalogs(session, {model.catalog_id: model.slug for model in listed}, now)
    has_changed = False
    for model in {one.original_id: one for one in listed}.values():
        row = known.pop(model.original_id, None)
        if row is None:
            row = _new(provider, model, now)
            session.add(row)
            has_changed = True
        has_changed |= _fill(row, model, now)
    for row in known.values():
        has_changed |= row.missing_since is None
        row.missing_since = row.missing_since or now
    await session.flush()
    return has_changed


async def put_prices(
    session: AsyncSession, provider: ProviderRow, priced: Sequence[Listed], now: datetime
) -> None:
    """Have these prices, whatever the provider's list tells; a model that was never listed is offered too."""
    has_provider = col(ProviderModelRow.provider_id) == provider.provider_id
    known = {row.original_id: row for row in await session.exec(select(ProviderModelRow).where(has_provider))}
    await ensure_catalogs(session, {model.catalog_id: model.slug for model in priced}, now)
    for model in priced:
        row = known.get(model.original_id)
        if row is None:
            row = _new(provider, model, now)
            session.add(row)
        row.input_price, row.output_price = model.input_price, model.output_price
        row.edited = sorted({*row.edited, "input_price", "output_price"})
    await session.flush()


async def offered(session: AsyncSession) -> list[tuple[ProviderModelRow, ProviderRow, CatalogRow]]:
    """What active providers offer now, in order of their own ids."""
    rows = (
        select(ProviderModelRow, ProviderRow, CatalogRow)
        .join(ProviderRow, col(ProviderRow.provider_id) == col(ProviderModelRow.provider_id))
        .join(CatalogRow, col(CatalogRow.catalog_id) == col(ProviderModelRow.catalog_id))
        .where(
            col(ProviderRow.is_active),
            col(CatalogRow.is_active),
            col(ProviderModelRow.is_active),
            col(ProviderModelRow.missing_since).is_(None),
        )
        .order_by(col(ProviderModelRow.original_id), col(ProviderRow.name))
    )
    return list((await session.exec(rows)).all())


TOLD = (
    *("owned_by", "created", "display_name", "context_length", "max_completion_tokens"),
    *("input_price", "cached_price", "output_price"),
)
"""What a provider tells, where it does."""


def _new(provider: ProviderRow, model: Listed, now: datetime) -> ProviderModelRow:
    return ProviderModelRow(
        provider_model_id=new_id(PROVIDER_MODEL),
        provider_id=provider.provider_id,
        catalog_id=model.catalog_id,
        original_id=model.original_id,
        display_name=model.display_name or model.slug,
        owned_by=model.owned_by,
        created=model.created,
        is_active=provider.enables_models,
        seen_at=now,
        created_at=now,
        updated_at=now,
    )


def _fill(row: ProviderModelRow, model: Listed, now: datetime) -> bool:
    """Take over what is told; whether that is news."""
    has_changed = row.missing_since is not None
    row.seen_at, row.missing_since = now, None
    told = {name: getattr(model, name) for name in TOLD}
    told |= {f"supports_{name}": is_able for name, is_able in model.supports.items()}
    for name, value in told.items():
        if value is not None and name not in row.edited and getattr(row, name) != value:
            setattr(row, name, value)
            row.updated_at, has_changed = now, True
    return has_changed


@dataclass(frozen=True)
class ModelCounts:
    """Of a provider's models: those that it lists, and those of them that are switched on."""

    all: int = 0
    active: int = 0


@dataclass(frozen=True)
class ModelFilter:
    """Which models are wanted; None wherever any will do."""

    provider_id: str | None = None
    model_key: str | None = None
    """A catalog's id, or a provider's own id."""
    is_active: bool | None = None
    supports_images: bool | None = None


async def model_counts(session: AsyncSession, provider_ids: Collection[str]) -> dict[str, ModelCounts]:
    """How many models these providers have; who has none is left out."""
    counts = (
        select(
            ProviderModelRow.provider_id,
            func.count(),
            func.count().filter(col(ProviderModelRow.is_active)),
        )
        .where(
            col(ProviderModelRow.provider_id).in_(provider_ids), col(ProviderModelRow.missing_since).is_(None)
        )
        .group_by(col(ProviderModelRow.provider_id))
    )
    found = await session.exec(counts)
    return {provider_id: ModelCounts(every, active) for provider_id, every, active in found}


async def models_page(
    session: AsyncSession, wanted: ModelFilter, *, limit: int, after: str | None, order: Order
) -> tuple[list[tuple[ProviderModelRow, str]], bool]:
    """A part of the models that fit, each with its provider's vendor, and whether there are more.

    Raises ApiError for an unknown `after`.
    """
    rows = select(ProviderModelRow)
    if wanted.provider_id is not None:
        rows = rows.where(col(ProviderModelRow.provider_id) == wanted.provider_id)
    if wanted.model_key is not None:
        is_called = col(ProviderModelRow.original_id) == wanted.model_key
        rows = rows.where(or_(is_called, col(ProviderModelRow.catalog_id) == wanted.model_key))
    if wanted.is_active is not None:
        rows = rows.where(col(ProviderModelRow.is_active) == wanted.is_active)
    if wanted.supports_images is not None:
        rows = rows.where(col(ProviderModelRow.supports_images).is_(wanted.supports_images))
    id_column: Mapped[str] = col(ProviderModelRow.provider_model_id)
    found, has_more = await keyset(session, rows, id_column, limit=limit, after=after, order=order)
    vendors = await _vendors(session, {row.provider_id for row in found})
    return [(row, vendors[row.provider_id]) for row in found], has_more


async def model_of(session: AsyncSession, model_id: str) -> tuple[ProviderModelRow, str] | None:
    """The model of this id, with its provider's vendor."""
    row = await session.get(ProviderModelRow, model_id)
    return None if row is None else (row, (await _vendors(session, {row.provider_id}))[row.provider_id])


async def locked_model(session: AsyncSession, model_id: str) -> tuple[ProviderModelRow, str] | None:
    """The same, whom nobody else changes until the transaction ends."""
    row = await session.get(ProviderModelRow, model_id, populate_existing=True, with_for_update=True)
    return None if row is None else (row, (await _vendors(session, {row.provider_id}))[row.provider_id])


async def toggle_models(
    session: AsyncSession,
    provider_id: str | None,
    excepted: Collection[str],
    is_active: bool,  # noqa: FBT001  what they are to be
    now: datetime,
) -> tuple[int, int, list[str]]:
    """Switch those of a provider, or all, but those excepted by the provider's own id or their catalog's.

    How many were looked at and excepted, and which changed.
    """
    rows = select(ProviderModelRow).order_by(col(ProviderModelRow.provider_model_id)).with_for_update()
    if provider_id is not None:
        rows = rows.where(col(ProviderModelRow.provider_id) == provider_id)
    found = list(await session.exec(rows))
    kept = {row.provider_model_id for row in found if {row.original_id, row.catalog_id} & set(excepted)}
    changed = [row for row in found if row.provider_model_id not in kept and row.is_active is not is_active]
    for row in changed:
        row.is_active, row.updated_at = is_active, now
        row.edited = sorted({*row.edited, "is_active"})
    await session.flush()
    return len(found), len(kept), [row.provider_model_id for row in changed]


async def _vendors(session: AsyncSession, provider_ids: Collection[str]) -> dict[str, str]:
    named = select(ProviderRow.provider_id, ProviderRow.vendor).where(
        col(ProviderRow.provider_id).in_(provider_ids)
    )
    return dict((await session.exec(named)).all())
