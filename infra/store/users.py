"""Users: guests, and those who registered. A guest who registers keeps the row, and all that hangs on it."""

from datetime import datetime

from sqlalchemy import Column, DateTime, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field
from sqlmodel.ext.asyncio.session import AsyncSession

from contracts.ids import JOB_ID_LENGTH, new_ulid
from infra.store.table import Table

ROLE_GUEST = "guest"


class User(Table, table=True):
    """Somebody who can act."""

    __tablename__ = "users"

    user_id: str = Field(primary_key=True, max_length=JOB_ID_LENGTH)
    tenant: str = Field(max_length=128, index=True)
    """Whose data it is: a guest is a tenant of their own."""
    username: str = Field(max_length=128, unique=True)
    is_guest: bool
    roles: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    created_at: datetime = Field(sa_type=DateTime(timezone=True))


def new_guest(now: datetime) -> User:
    """A guest, not stored yet."""
    user_id = new_ulid()
    return User(
        user_id=user_id,
        tenant=user_id,
        username=f"guest-{user_id.lower()}",
        is_guest=True,
        roles=[ROLE_GUEST],
        created_at=now,
    )


async def add_user(session: AsyncSession, user: User) -> None:
    """Keep a new user."""
    session.add(user)
    await session.flush()


async def user_of(session: AsyncSession, user_id: str) -> User | None:
    """The user of this id."""
    return await session.get(User, user_id)
