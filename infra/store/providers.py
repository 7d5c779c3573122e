"""Providers: the upstream LLMs, with their addresses and their sealed keys."""

from datetime import datetime
from typing import Any

from sqlalchemy import Column, DateTime
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped
from sqlmodel import Field, col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from contracts.errors import ApiError, ErrorCode
from infra.store.keyset import Order, keyset
from infra.store.sealed import SealedColumn
from infra.store.table import Table

Json = Any  # a JSON value, whose shape the room that keeps it checks


class ProviderRow(Table, table=True):
    """One provider."""

    __tablename__ = "providers"

    provider_id: str = Field(primary_key=True, max_length=64)
    name: str = Field(max_length=64, unique=True)
    """What stands before the slash of a qualified model id; lower case."""
    display_name: str = Field(max_length=256)
    vendor: str = Field(max_length=64)
    protocol: str = Field(max_length=16, default="openai")
    """`openai` or `anthropic`: which wire its endpoints speak."""
    auth: str = Field(max_length=16, default="bearer")
    """The header of its key: `bearer`, `api-key` (Azure), `x-api-key` (Anthropic) or `none`."""
    endpoints: list[dict[str, Json]] = Field(sa_column=Column(JSONB, nullable=False))
    """`[{"url", "weight", "priority"}]`: of those with the least priority, by weight."""
    sealed_key: str | None = None
    key_hint: str | None = Field(default=None, max_length=8)
    """The key's last characters."""
    models: list[str] = Field(default_factory=list, sa_column=Column(JSONB, nullable=False))
    """Offered where it has no list of its own."""
    prefill: str = Field(default="none", max_length=16)
    """How it goes on with an answer that was begun: `none`, `llama.cpp` or `vllm`."""
    tokenizer: str = Field(default="none", max_length=16)
    """How it counts tokens for us: `none`, `llama.cpp` or `vllm`."""
    media: str = Field(default="inline", max_length=16)
    """How it gets the media of chats: `inline` as data, or `link` where it can reach our object store."""
    limits: dict[str, Json] = Field(default_factory=dict, sa_column=Column(JSONB, nullable=False))
    """What differs from `JAN_PROVIDER_*`: timeouts in seconds, retries, connections."""
    meta: dict[str, Json] = Field(
        default_factory=dict, sa_column=Column("metadata", JSONB, nullable=False)
    )  # `metadata` is SQLAlchemy's own word
    enables_models: bool = True
    """Whether models that a synchronisation finds are on offer at once."""
    is_active: bool = True
    is_trusted: bool = False
    """Whether it may stand in a private network: who runs the server said so, not the admin API."""
    source: str = Field(default="api", max_length=16)
    """`api`, `file` or `environment`."""
    revision: int = 1
    """Raised by every change."""
    synced_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    sync_due_at: datetime = Field(sa_type=DateTime(timezone=True), index=True)
    sync_error: str | None = None
    created_at: datetime = Field(sa_type=DateTime(timezone=True))
    updated_at: datetime = Field(sa_type=DateTime(timezone=True))


SEALED = SealedColumn(ProviderRow, "provider_id", "sealed_key")


async def active_providers(session: AsyncSession) -> list[ProviderRow]:
    """Those that may be asked, in order of their names."""
    active = select(ProviderRow).where(col(ProviderRow.is_active)).order_by(col(ProviderRow.name))
    return list((await session.exec(active)).all())


async def provider_called(session: AsyncSession, name: str) -> ProviderRow | None:
    """The provider of a name, active or not."""
    return (await session.exec(select(ProviderRow).where(col(ProviderRow.name) == name))).first()


async def providers_of(session: AsyncSession, source: str) -> list[ProviderRow]:
    """Those that were declared there, active or not, in order of their names."""
    declared = select(ProviderRow).where(col(ProviderRow.source) == source)
    return list((await session.exec(declared.order_by(col(ProviderRow.name)))).all())


async def provider_named(session: AsyncSession, provider_id: str) -> ProviderRow | None:
    """The provider of this id."""
    return await session.get(ProviderRow, provider_id)


async def locked_provider(session: AsyncSession, provider_id: str) -> ProviderRow | None:
    """The provider of this id as it is now, whom nobody else changes until the transaction ends."""
    return await session.get(ProviderRow, provider_id, populate_existing=True, with_for_update=True)


async def providers_page(
    session: AsyncSession, *, limit: int, after: str | None, order: Order
) -> tuple[list[ProviderRow], bool]:
    """A part of all providers, and whether there are more. Raises ApiError for an unknown `after`."""
    id_column: Mapped[str] = col(ProviderRow.provider_id)
    return await keyset(session, select(ProviderRow), id_column, limit=limit, after=after, order=order)


async def keep_provider(session: AsyncSession, row: ProviderRow) -> None:
    """Keep a new provider. Raises ApiError, 409, when another one has its name."""
    session.add(row)
    try:
        await session.flush()
    except IntegrityError as error:
        message = f"There is a provider {row.name!r} already"
        raise ApiError(ErrorCode.CONFLICT, message, param="name") from error


async def delete_provider(session: AsyncSession, row: ProviderRow) -> None:
    """Delete it, with its models."""
    await session.delete(row)
    await session.flush()
