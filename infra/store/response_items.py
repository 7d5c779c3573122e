"""Items of responses: what was put in, and what came out, each in its order."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Column, DateTime, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from contracts.errors import ApiError, ErrorCode
from infra.store.keyset import Order
from infra.store.responses import ResponseRow
from infra.store.table import Table

MOST_CHAINED = 1_000
"""Responses that one may stand on: a chain has an end, whatever a client does."""

Json = Any  # OpenAI's items, open by nature


class ResponseItemRow(Table, table=True):
    """One item."""

    __tablename__ = "response_items"
    __table_args__ = (Index("ix_response_items_item_id", "item_id"),)

    response_id: str = Field(
        foreign_key=f"{ResponseRow.__tablename__}.response_id",
        ondelete="CASCADE",
        primary_key=True,
        max_length=64,
    )
    is_output: bool = Field(primary_key=True)
    position: int = Field(primary_key=True)
    """Of an output item: its `output_index`."""
    item_id: str = Field(max_length=256)
    item: dict[str, Json] = Field(sa_column=Column(JSONB, nullable=False))
    """The item as it is shown."""
    said: dict[str, Json] | None = Field(default=None, sa_column=Column(JSONB(none_as_null=True)))
    """Of a call of our tools: `call_id`, `name`, `arguments` and `output`, as the model is told them."""
    created_at: datetime = Field(sa_type=DateTime(timezone=True))


async def keep_items(session: AsyncSession, rows: Sequence[ResponseItemRow]) -> None:
    """Keep new items."""
    session.add_all(rows)
    await session.flush()


async def items_of_response(
    session: AsyncSession, response_id: str, *, is_output: bool
) -> list[ResponseItemRow]:
    """All that was put in, or came out, in order."""
    rows = select(ResponseItemRow).where(
        col(ResponseItemRow.response_id) == response_id, col(ResponseItemRow.is_output) == is_output
    )
    return list((await session.exec(rows.order_by(col(ResponseItemRow.position)))).all())


async def outputs_at(
    session: AsyncSession, response_id: str, positions: Collection[int]
) -> dict[int, ResponseItemRow]:
    """Output items by their `output_index`."""
    rows = select(ResponseItemRow).where(
        col(ResponseItemRow.response_id) == response_id,
        col(ResponseItemRow.is_output),
        col(ResponseItemRow.position).in_(positions),
    )
    return {row.position: row for row in (await session.exec(rows)).all()}


async def outputs_of(session: AsyncSession, response_ids: Collection[str]) -> dict[str, list[Json]]:
    """The output of several responses, each in order."""
    rows = select(ResponseItemRow).where(
        col(ResponseItemRow.response_id).in_(response_ids), col(ResponseItemRow.is_output)
    )
    found: dict[str, list[Json]] = {response_id: [] for response_id in response_ids}
    for row in (await session.exec(rows.order_by(col(ResponseItemRow.position)))).all():
        found[row.response_id].append(row.item)
    return found


async def input_page(
    session: AsyncSession, response_id: str, *, limit: int, after: str | None, order: Order
) -> tuple[list[ResponseItemRow], bool]:
    """A part of what was put in, and whether there is more. Raises ApiError for an unknown `after`."""
    mine = select(ResponseItemRow).where(
        col(ResponseItemRow.response_id) == response_id, ~col(ResponseItemRow.is_output)
    )
    place = col(ResponseItemRow.position)
    wanted = mine.order_by(place.asc() if order == "asc" else place.desc()).limit(limit + 1)
    if after is not None:
        known = (await session.exec(mine.where(col(ResponseItemRow.item_id) == after))).first()
        if known is None:
            raise ApiError(ErrorCode.INVALID_VALUE, "after must be an id from this list", param="after")
        wanted = wanted.where(place > known.position if order == "asc" else place < known.position)
    rows = list((await session.exec(wanted)).all())
    return rows[:limit], len(rows) > limit


CHAIN = text(
    """
    WITH RECURSIVE chain AS (
        SELECT response_id, previous_response_id, 0 AS depth FROM responses
        WHERE response_id = :response_id AND tenant = :tenant
        UNION ALL
        SELECT one.response_id, one.previous_response_id, chain.depth + 1
        FROM responses AS one JOIN chain ON one.response_id = chain.previous_response_id
        WHERE one.tenant = :tenant AND chain.depth < :most
    )
    SELECT response_id FROM chain ORDER BY depth DESC
    """
)


async def chain_of(session: AsyncSession, tenant: str, response_id: str) -> list[str]:
    """A response and those that it goes on from, the oldest first."""
    about = {"response_id": response_id, "tenant": tenant, "most": MOST_CHAINED}
    found = await (await session.connection()).execute(CHAIN, about)
    return [name for (name,) in found.all()]


async def chained_items(session: AsyncSession, tenant: str, response_id: str) -> list[ResponseItemRow]:
    """What was said so far: the input and output of each response of a chain, in order."""
    names = await chain_of(session, tenant, response_id)
    rows = select(ResponseItemRow).where(col(ResponseItemRow.response_id).in_(names))
    places = {name: at for at, name in enumerate(names)}
    found = (await session.exec(rows)).all()
    return sorted(found, key=lambda row: (places[row.response_id], row.is_output, row.position))


async def said_of(session: AsyncSession, tenant: str, item_ids: Collection[str]) -> dict[str, Json]:
    """What the model was told of calls of our tools, by the ids of their items."""
    if not item_ids:
        return {}
    rows = (
        select(ResponseItemRow.item_id, ResponseItemRow.said)
        .join(ResponseRow, col(ResponseRow.response_id) == col(ResponseItemRow.response_id))
        .where(col(ResponseRow.tenant) == tenant, col(ResponseItemRow.item_id).in_(item_ids))
        .where(col(ResponseItemRow.said).is_not(None))
    )
    return {item_id: said for item_id, said in (await session.exec(rows)).all() if said}


async def item_of_chain(
    session: AsyncSession, tenant: str, response_id: str, item_id: str
) -> ResponseItemRow | None:
    """An item of a response, or of one that it goes on from."""
    names = await chain_of(session, tenant, response_id)
    rows = select(ResponseItemRow).where(
        col(ResponseItemRow.response_id).in_(names), col(ResponseItemRow.item_id) == item_id
    )
    return (await session.exec(rows)).first()


async def item_at(session: AsyncSession, tenant: str, item_id: str) -> ResponseItemRow | None:
    """An item of any stored response of a tenant; the newest, where several have that id."""
    rows = (
        select(ResponseItemRow)
        .join(ResponseRow, col(ResponseRow.response_id) == col(ResponseItemRow.response_id))
        .where(col(ResponseRow.tenant) == tenant, col(ResponseRow.is_stored))
        .where(col(ResponseItemRow.item_id) == item_id)
    )
    return (await session.exec(rows.order_by(col(ResponseItemRow.created_at).desc()).limit(1))).first()
