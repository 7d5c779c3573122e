"""Stored completions, as their tenants read, change and delete them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy.orm import Mapped
from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from infra.store.completions import StoredCompletionRow
from infra.store.keyset import Order, keyset


@dataclass(frozen=True)
class CompletionFilter:
    """Which completions: a tenant's, and of these those of a model and with these pairs."""

    tenant: str
    model: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


async def completions_of(
    session: AsyncSession, wanted: CompletionFilter, *, limit: int, after: str | None, order: Order
) -> tuple[list[StoredCompletionRow], bool]:
    """A part of them, by age, and whether there are more. Raises ApiError for an unknown `after`."""
    rows = select(StoredCompletionRow).where(
        col(StoredCompletionRow.tenant) == wanted.tenant, col(StoredCompletionRow.expires_at) > func.now()
    )
    if wanted.model is not None:
        rows = rows.where(col(StoredCompletionRow.model) == wanted.model)
    if wanted.metadata:
        rows = rows.where(col(StoredCompletionRow.meta).contains(dict(wanted.metadata)))
    id_column: Mapped[str] = col(StoredCompletionRow.job_id)
    return await keyset(session, rows, id_column, limit=limit, after=after, order=order)


async def completion_at(
    session: AsyncSession, tenant: str, job_id: str, *, is_locked: bool = False
) -> StoredCompletionRow | None:
    """A tenant's stored completion; locked, nobody else changes it until the transaction ends."""
    found = select(StoredCompletionRow).where(
        col(StoredCompletionRow.tenant) == tenant,
        col(StoredCompletionRow.job_id) == job_id,
        col(StoredCompletionRow.expires_at) > func.now(),
    )
    return (await session.exec(found.with_for_update() if is_locked else found)).first()


async def delete_completion(session: AsyncSession, row: StoredCompletionRow) -> None:
    """Delete it."""
    await session.delete(row)
    await session.flush()
