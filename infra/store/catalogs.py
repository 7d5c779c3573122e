"""Model catalogs: what is known of a model, whoever provides it."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Column, DateTime
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import Mapped
from sqlmodel import Field, col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from infra.store.keyset import Order, keyset
from infra.store.table import Table

Json = Any  # a JSON value, whose shape the room that keeps it checks


class CatalogRow(Table, table=True):
    """One model of the world, as `openai/gpt-4o`."""

    __tablename__ = "model_catalogs"

    catalog_id: str = Field(primary_key=True, max_length=256)
    display_name: str = Field(max_length=256)
    description: str | None = None
    family: str | None = Field(default=None, max_length=128)
    context_length: int | None = None
    """Tokens of prompt and answer together."""
    max_completion_tokens: int | None = None
    supports_images: bool | None = None
    supports_tools: bool | None = None
    supports_embeddings: bool | None = None
    supports_reasoning: bool | None = None
    supports_audio: bool | None = None
    supports_video: bool | None = None
    architecture: dict[str, Json] = Field(default_factory=dict, sa_column=Column(JSONB, nullable=False))
    supported_parameters: dict[str, Json] = Field(
        default_factory=dict, sa_column=Column(JSONB, nullable=False)
    )
    tags: list[str] = Field(default_factory=list, sa_column=Column(JSONB, nullable=False))
    notes: str | None = None
    is_moderated: bool | None = None
    is_active: bool = True
    extras: dict[str, Json] = Field(default_factory=dict, sa_column=Column(JSONB, nullable=False))
    status: str = Field(default="init", max_length=16)
    """`init`: only its name is known; `filled`: told by a provider; `updated`: changed by an admin."""
    edited: list[str] = Field(default_factory=list, sa_column=Column(JSONB, nullable=False))
    """Fields that an admin set: no synchronisation changes them."""
    synced_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    created_at: datetime = Field(sa_type=DateTime(timezone=True))
    updated_at: datetime = Field(sa_type=DateTime(timezone=True))


async def ensure_catalogs(session: AsyncSession, names: Mapping[str, str], now: datetime) -> None:
    """Have a catalog of each of these ids; a new one is called by the name given."""
    for catalog_id in sorted(names):  # in one order, so that two writers never wait for each other
        row = CatalogRow(
            catalog_id=catalog_id, display_name=names[catalog_id], created_at=now, updated_at=now
        )
        values = row.model_dump()
        await session.exec(insert(CatalogRow).values(**values).on_conflict_do_nothing())


async def catalog_of(session: AsyncSession, catalog_id: str) -> CatalogRow | None:
    """The catalog of this id."""
    return await session.get(CatalogRow, catalog_id)


async def locked_catalog(session: AsyncSession, catalog_id: str) -> CatalogRow | None:
    """The catalog of this id as it is now, whom nobody else changes until the transaction ends."""
    return await session.get(CatalogRow, catalog_id, populate_existing=True, with_for_update=True)


async def catalogs_page(
    session: AsyncSession,
    status: str | None,
    is_active: bool | None,  # noqa: FBT001  a filter
    *,
    limit: int,
    after: str | None,
    order: Order,
) -> tuple[list[CatalogRow], bool]:
    """A part of the catalogs that fit, by their ids, and whether there are more. Raises ApiError."""
    rows = select(CatalogRow)
    if status is not None:
        rows = rows.where(col(CatalogRow.status) == status)
    if is_active is not None:
        rows = rows.where(col(CatalogRow.is_active) == is_active)
    id_column: Mapped[str] = col(CatalogRow.catalog_id)
    return await keyset(session, rows, id_column, limit=limit, after=after, order=order)


async def toggle_catalogs(
    session: AsyncSession,
    named: Collection[str] | None,
    excepted: Collection[str],
    is_active: bool,  # noqa: FBT001  what they are to be
    now: datetime,
) -> tuple[int, int, list[str]]:
    """Switch those named, or all, but those excepted. How many were looked at and excepted, which changed."""
    rows = select(CatalogRow).order_by(col(CatalogRow.catalog_id)).with_for_update()
    if named is not None:
        rows = rows.where(col(CatalogRow.catalog_id).in_(named))
    found = list(await session.exec(rows))
    changed = [row for row in found if row.catalog_id not in excepted and row.is_active is not is_active]
    for row in changed:
        row.is_active, row.updated_at = is_active, now
        row.edited = sorted({*row.edited, "active"})
    await session.flush()
    skipped = sum(row.catalog_id in excepted for row in found)
    return len(found), skipped, [row.catalog_id for row in changed]
