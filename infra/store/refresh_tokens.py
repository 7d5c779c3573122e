"""Refresh tokens: each good for one use; all that came from one login are a family, and fall together."""

from datetime import datetime

from sqlalchemy import DateTime, delete, update
from sqlmodel import Field, col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from contracts.ids import JOB_ID_LENGTH
from infra.store.table import Table

HASH_LENGTH = 64


class RefreshToken(Table, table=True):
    """One refresh token, known by its keyed hash only."""

    __tablename__ = "refresh_tokens"

    token_hash: str = Field(primary_key=True, max_length=HASH_LENGTH)
    user_id: str = Field(
        foreign_key="users.user_id", ondelete="CASCADE", index=True, max_length=JOB_ID_LENGTH
    )
    family: str = Field(max_length=JOB_ID_LENGTH, index=True)
    """The session: the id that access tokens carry as `sid`."""
    created_at: datetime = Field(sa_type=DateTime(timezone=True))
    expires_at: datetime = Field(sa_type=DateTime(timezone=True), index=True)
    used_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    """A second use after this moment is a theft, and revokes the family."""
    revoked_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))


async def add_refresh_token(session: AsyncSession, token: RefreshToken) -> None:
    """Keep a new token."""
    session.add(token)
    await session.flush()


async def owner_of_token(session: AsyncSession, token_hash: str) -> str | None:
    """The id of the user whose token this is, so that the user can be locked before the token is."""
    owner = select(RefreshToken.user_id).where(col(RefreshToken.token_hash) == token_hash)
    return (await session.exec(owner)).first()


async def locked_token(session: AsyncSession, token_hash: str) -> RefreshToken | None:
    """The token of this hash as it is now, which nobody else changes until the transaction ends."""
    return await session.get(RefreshToken, token_hash, with_for_update=True)


async def has_session(session: AsyncSession, user_id: str, family: str, now: datetime) -> bool:
    """Whether this is a session of the user that can still go on."""
    going = select(RefreshToken.token_hash).where(
        col(RefreshToken.family) == family,
        col(RefreshToken.user_id) == user_id,
        col(RefreshToken.revoked_at).is_(None),
        col(RefreshToken.expires_at) > now,
    )
    return (await session.exec(going.limit(1))).first() is not None


async def revoke_family(session: AsyncSession, user_id: str, family: str, now: datetime) -> None:
    """End a user's session: none of its tokens is good any more. Lock the user first, or a new token may
    slip by."""
    standing = (
        col(RefreshToken.family) == family,
        col(RefreshToken.user_id) == user_id,
        col(RefreshToken.revoked_at).is_(None),
    )
    await session.exec(update(RefreshToken).where(*standing).values(revoked_at=now))


async def sweep_tokens(session: AsyncSession, now: datetime, most: int) -> None:
    """Delete tokens that have expired, at most so many, and none that somebody looks at now."""
    expired = select(RefreshToken.token_hash).where(col(RefreshToken.expires_at) <= now).limit(most)
    expired = expired.with_for_update(skip_locked=True)
    await session.exec(delete(RefreshToken).where(col(RefreshToken.token_hash).in_(expired)))


async def refresh_token_of(session: AsyncSession, token_hash: str) -> RefreshToken | None:
    """The token of this hash."""
    return await session.get(RefreshToken, token_hash)
