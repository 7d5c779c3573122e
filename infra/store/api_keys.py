"""API keys: a user's long-lived credentials, known by their keyed hashes only."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import DateTime, Index, update
from sqlmodel import Field, col, func, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from contracts.ids import JOB_ID_LENGTH
from infra.store.keyset import Order, keyset
from infra.store.refresh_tokens import HASH_LENGTH
from infra.store.table import Table
from infra.store.users import User


class ApiKeyRow(Table, table=True):
    """One API key."""

    __tablename__ = "api_keys"
    __table_args__ = (Index("ix_api_keys_user_id", "user_id", "key_id"),)

    key_id: str = Field(primary_key=True, max_length=JOB_ID_LENGTH)
    user_id: str = Field(foreign_key="users.user_id", ondelete="CASCADE", max_length=JOB_ID_LENGTH)
    name: str = Field(max_length=128)
    key_hash: str = Field(max_length=HASH_LENGTH, unique=True, repr=False)
    prefix: str = Field(max_length=16)
    last4: str = Field(max_length=4)
    created_at: datetime = Field(sa_type=DateTime(timezone=True))
    expires_at: datetime = Field(sa_type=DateTime(timezone=True))
    revoked_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    last_used_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    """To the minute or so: it is noted in the background."""


async def active_keys(session: AsyncSession, user_id: str, now: datetime) -> int:
    """How many good keys a user has. Exact while the user's row is locked."""
    good = (col(ApiKeyRow.revoked_at).is_(None), col(ApiKeyRow.expires_at) > now)
    counting = select(func.count()).where(col(ApiKeyRow.user_id) == user_id, *good)
    return (await session.exec(counting)).one()


async def add_api_key(session: AsyncSession, row: ApiKeyRow) -> None:
    """Keep a new key."""
    session.add(row)
    await session.flush()


async def keys_of(
    session: AsyncSession, user_id: str, *, limit: int, after: str | None, order: Order
) -> tuple[list[ApiKeyRow], bool]:
    """A part of a user's keys, and whether there are more. Raises ApiError for an unknown `after`."""
    own = select(ApiKeyRow).where(col(ApiKeyRow.user_id) == user_id)
    return await keyset(session, own, col(ApiKeyRow.key_id), limit=limit, after=after, order=order)


async def revoke_api_key(session: AsyncSession, user_id: str, key_id: str, now: datetime) -> bool:
    """End a key of this user, once; whether the user has such a key."""
    own = select(ApiKeyRow).where(col(ApiKeyRow.key_id) == key_id, col(ApiKeyRow.user_id) == user_id)
    row = (await session.exec(own.with_for_update(key_share=True))).first()
    if row is not None and row.revoked_at is None:
        row.revoked_at = now
        await session.flush()
    return row is not None


async def known_key(session: AsyncSession, key_hash: str) -> tuple[ApiKeyRow, User] | None:
    """The key of this hash and whose it is, be it good or not."""
    found = select(ApiKeyRow, User).join(User).where(col(ApiKeyRow.key_hash) == key_hash)
    return (await session.exec(found)).first()


async def note_uses(session: AsyncSession, key_ids: Sequence[str], now: datetime) -> None:
    """These keys have been used. A row that somebody else writes just now is passed over."""
    older = or_(col(ApiKeyRow.last_used_at).is_(None), col(ApiKeyRow.last_used_at) < now)
    rows = select(ApiKeyRow.key_id).where(col(ApiKeyRow.key_id).in_(key_ids), older)
    free = rows.with_for_update(key_share=True, skip_locked=True)  # so that two edges never wait in a ring
    await session.exec(update(ApiKeyRow).where(col(ApiKeyRow.key_id).in_(free)).values(last_used_at=now))
