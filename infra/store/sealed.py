"""Columns whose texts are secrets under seal, each tied to its table and row."""

from dataclasses import dataclass
from typing import Any

from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from infra.sealing import Sealer, is_sealed
from infra.store.table import Table


@dataclass(frozen=True)
class SealedColumn:
    """One column of sealed secrets."""

    table: type[Table]
    key: str
    """The name of the primary key's column."""
    secret: str
    """The name of the column."""
    may_be_plain: bool = False
    """Whether rows from before there were seals are read as they are, until they are sealed."""

    @property
    def name(self) -> str:
        """The table's name."""
        return str(self.table.__tablename__)

    def seal(self, sealer: Sealer, row_id: str, plain: str) -> str:
        """What is stored in the row of this id."""
        return sealer.seal(plain.encode(), self._about(row_id))

    def open(self, sealer: Sealer, row_id: str, stored: str) -> str:
        """What was sealed in the row of this id. Raises SealBroken."""
        if self.may_be_plain and not is_sealed(stored):
            return stored
        return sealer.open(stored, self._about(row_id)).decode()

    def _about(self, row_id: str) -> str:
        return f"{self.name}/{row_id}"


@dataclass(frozen=True)
class Resealed:
    """How many secrets a table holds, and how many of them were sealed just now."""

    table: str
    all: int
    changed: int


async def reseal_column(
    session: AsyncSession, sealer: Sealer, column: SealedColumn, *, only_plain: bool = False
) -> Resealed:
    """Seal what is not under the first key, or only what is under none. Raises SealBroken."""
    secret: Any = getattr(column.table, column.secret)  # a column, which only the table knows the type of
    rows = list(await session.exec(select(column.table).where(secret.is_not(None)).with_for_update()))
    due = [row for row in rows if _is_due(getattr(row, column.secret), sealer, only_plain=only_plain)]
    for row in due:
        row_id = getattr(row, column.key)
        plain = column.open(sealer, row_id, getattr(row, column.secret))
        setattr(row, column.secret, column.seal(sealer, row_id, plain))
    await session.flush()
    return Resealed(column.name, len(rows), len(due))


def _is_due(stored: str, sealer: Sealer, *, only_plain: bool) -> bool:
    return not is_sealed(stored) if only_plain else sealer.needs_reseal(stored)
