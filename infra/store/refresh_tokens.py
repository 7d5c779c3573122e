"""Refresh tokens: each good for one use; all that came from one login are a family, and fall together."""

from datetime import datetime

from sqlalchemy import DateTime
from sqlmodel import Field
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


async def refresh_token_of(session: AsyncSession, token_hash: str) -> RefreshToken | None:
    """The token of this hash."""
    return await session.get(RefreshToken, token_hash)
