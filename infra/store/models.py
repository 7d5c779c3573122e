"""Models that providers offer, as their workers last saw them."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import BigInteger, DateTime, delete
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Field, col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from contracts.wire.models import Model
from infra.store.table import Table


class ModelRow(Table, table=True):
    """One model of one provider."""

    __tablename__ = "models"

    provider: str = Field(primary_key=True, max_length=128)
    model_id: str = Field(primary_key=True, max_length=256)
    created: int = Field(sa_type=BigInteger)
    """Unix time, in seconds, as the provider tells it."""
    owned_by: str = Field(max_length=256)
    seen_at: datetime = Field(sa_type=DateTime(timezone=True))


async def replace_models(
    session: AsyncSession, provider: str, models: Sequence[Model], now: datetime
) -> None:
    """A provider offers these, and no others."""
    kept = [model.id for model in models]
    gone = delete(ModelRow).where(col(ModelRow.provider) == provider, col(ModelRow.model_id).not_in(kept))
    await session.exec(gone)
    for model in models:
        values = {"created": model.created, "owned_by": model.owned_by, "seen_at": now}
        row = insert(ModelRow).values(provider=provider, model_id=model.id, **values)
        await session.exec(row.on_conflict_do_update(index_elements=["provider", "model_id"], set_=values))


async def offered_models(session: AsyncSession) -> list[ModelRow]:
    """All models, in order of id."""
    rows = await session.exec(select(ModelRow).order_by(col(ModelRow.model_id), col(ModelRow.provider)))
    return list(rows)
