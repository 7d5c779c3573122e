"""Dead letters that went back to their topics: each goes once, whoever else has the same thought."""

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import BigInteger, DateTime, delete, func, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Field, col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from infra.store.table import Table

KEY = ("topic", "partition", "offset")


class RedriveRow(Table, table=True):
    """One dead letter that was sent back, named by its place."""

    __tablename__ = "redrives"

    topic: str = Field(primary_key=True, max_length=249)
    """The dead letters' topic; as long as Kafka lets a name be."""
    partition: int = Field(primary_key=True, sa_type=BigInteger)
    offset: int = Field(primary_key=True, sa_type=BigInteger)
    at: datetime = Field(sa_type=DateTime(timezone=True))
    by: str = Field(max_length=256)
    """Who did it, and on which host."""
    redrive: int
    """How often the record has come back, this time included."""


async def note_redrive(session: AsyncSession, row: RedriveRow, *, again: bool) -> int | None:
    """Keep that a letter goes back; the number of its redrive.

    A letter that went before keeps its row, and the answer is None; `again` sends it with the next number.
    """
    adding = insert(RedriveRow).values(**row.model_dump())
    if again:
        following = func.greatest(col(RedriveRow.redrive) + 1, row.redrive)
        changed: Mapping[str, object] = {"at": row.at, "by": row.by, "redrive": following}
        adding = adding.on_conflict_do_update(index_elements=KEY, set_=changed)
    else:
        adding = adding.on_conflict_do_nothing(index_elements=KEY)
    number: int | None = (await session.exec(adding.returning(col(RedriveRow.redrive)))).scalar_one_or_none()
    return number


async def forget_redrive(session: AsyncSession, row: RedriveRow) -> None:
    """The letter did not go back after all."""
    await session.exec(
        delete(RedriveRow).where(
            col(RedriveRow.topic) == row.topic,
            col(RedriveRow.partition) == row.partition,
            col(RedriveRow.offset) == row.offset,
            col(RedriveRow.redrive) == row.redrive,
        )
    )


async def redrive_of(session: AsyncSession, topic: str, partition: int, offset: int) -> RedriveRow | None:
    """When and by whom a letter was sent back last; None when it was not."""
    return await session.get(RedriveRow, (topic, partition, offset))


async def redrives_among(
    session: AsyncSession, places: Collection[tuple[str, int, int]]
) -> dict[tuple[str, int, int], RedriveRow]:
    """Those of the letters at these places that were sent back."""
    key = tuple_(col(RedriveRow.topic), col(RedriveRow.partition), col(RedriveRow.offset))
    rows = await session.exec(select(RedriveRow).where(key.in_(places)))
    return {(row.topic, row.partition, row.offset): row for row in rows}
