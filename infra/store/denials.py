"""Denials: credentials that are refused before their end, until which they are remembered.

A denial is written in the transaction that revokes, and told to every edge when that has been committed.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import DateTime, delete
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Field, col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from infra.store.table import Table


class DenialRow(Table, table=True):
    """One refused name, as `infra.identity.known` makes them."""

    __tablename__ = "denials"

    name: str = Field(primary_key=True, max_length=160)
    until: datetime = Field(sa_type=DateTime(timezone=True), index=True)


async def add_denials(session: AsyncSession, names: Sequence[str], until: datetime, now: datetime) -> None:
    """Refuse these names until then; those that no credential can have any more are forgotten."""
    await session.exec(delete(DenialRow).where(col(DenialRow.until) <= now))
    if not names:
        return
    values = [{"name": name, "until": until} for name in sorted(set(names))]
    adding = insert(DenialRow).values(values)
    await session.exec(adding.on_conflict_do_update(index_elements=["name"], set_={"until": until}))


async def denials(session: AsyncSession, now: datetime) -> list[DenialRow]:
    """Those that stand now."""
    return list(await session.exec(select(DenialRow).where(col(DenialRow.until) > now)))
