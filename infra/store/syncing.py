"""Whose list of models is to be read: each provider's by one process at a time."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from infra.store.provider_models import Listed, replace_listed
from infra.store.providers import ProviderRow

MOST_LETTERS = 500
"""Of an error that is kept."""
RETRY_SECONDS = 2.0
"""After a failure, at first."""


async def claim_due(session: AsyncSession, now: datetime, lease: timedelta) -> ProviderRow | None:
    """A provider whose list is due, which nobody else reads until the lease is over."""
    due = (
        select(ProviderRow)
        .where(col(ProviderRow.is_active), col(ProviderRow.sync_due_at) <= now)
        .order_by(col(ProviderRow.sync_due_at))
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    row = (await session.exec(due)).first()
    if row is not None:
        row.sync_due_at = now + lease
        await session.flush()
    return row


async def next_due(session: AsyncSession) -> datetime | None:
    """When the next list is due; None where there is no provider."""
    soonest = select(ProviderRow.sync_due_at).where(col(ProviderRow.is_active))
    return (await session.exec(soonest.order_by(col(ProviderRow.sync_due_at)).limit(1))).first()


async def synced(
    session: AsyncSession, claimed: ProviderRow, listed: Sequence[Listed], now: datetime, again: datetime
) -> bool:
    """Take over the list of a provider as it was claimed; whether that changed what is on offer."""
    row = await _unchanged(session, claimed, now)
    if row is None:
        return False
    was_new = row.synced_at is None
    has_changed = await replace_listed(session, row, listed, now)
    row.synced_at, row.sync_error, row.sync_due_at = now, None, again
    return has_changed or was_new


async def not_synced(
    session: AsyncSession, claimed: ProviderRow, error: str, now: datetime, most: timedelta
) -> None:
    """A provider did not tell its list: it is asked again soon, and less and less often."""
    row = await _unchanged(session, claimed, now)
    if row is None:
        return
    since = now - (row.synced_at or row.created_at)
    wait = min(max(since / 2, timedelta(seconds=RETRY_SECONDS)), most)
    row.sync_error, row.sync_due_at = error[:MOST_LETTERS].replace("\0", ""), now + wait


async def _unchanged(session: AsyncSession, claimed: ProviderRow, now: datetime) -> ProviderRow | None:
    """The provider, locked. One that was changed since it was claimed is to be read again, at once."""
    row = await session.get(ProviderRow, claimed.provider_id, populate_existing=True, with_for_update=True)
    if row is not None and row.revision != claimed.revision:
        row.sync_due_at = now
        return None
    return row
