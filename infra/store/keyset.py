"""One part of a list by the ids of its rows: nothing is skipped or repeated while others write."""

from typing import Any, Literal, TypeVar

from sqlalchemy.orm import Mapped
from sqlmodel.ext.asyncio.session import AsyncSession
from sqlmodel.sql.expression import SelectOfScalar

from contracts.errors import ApiError, ErrorCode

Order = Literal["asc", "desc"]
RowT = TypeVar("RowT")


async def keyset(
    session: AsyncSession,
    statement: SelectOfScalar[RowT],
    id_column: Mapped[Any],
    *,
    limit: int,
    after: str | None,
    order: Order,
) -> tuple[list[RowT], bool]:
    """At most `limit` of the statement's rows behind the one named `after`, and whether there are more.

    The statement says whose rows and which, without an order or a limit; the ids are unique and sort by age.
    Raises ApiError when `after` is no row of the statement: unknown, or somebody else's.
    """
    wanted = statement.order_by(id_column.asc() if order == "asc" else id_column.desc()).limit(limit + 1)
    if after is not None:
        if (await session.exec(statement.where(id_column == after))).first() is None:
            raise ApiError(ErrorCode.INVALID_VALUE, "after must be an id from this list", param="after")
        wanted = wanted.where(id_column > after if order == "asc" else id_column < after)
    rows = list((await session.exec(wanted)).all())
    return rows[:limit], len(rows) > limit
