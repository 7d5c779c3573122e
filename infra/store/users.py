"""Users: guests, and those who registered. A guest who registers keeps the row, and all that hangs on it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    DateTime,
    Index,
    Text,
    UniqueConstraint,
    and_,
    false,
    func,
    or_,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.exc import IntegrityError
from sqlmodel import Field, col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from contracts.envelope import Role
from contracts.errors import ApiError, ErrorCode
from contracts.ids import JOB_ID_LENGTH, new_ulid
from infra.store.keyset import Order, keyset
from infra.store.table import Table

RESERVED = ("guest-", "user-", "admin")
"""Beginnings of names that the product gives by itself."""


class User(Table, table=True):
    """Somebody who can act."""

    __tablename__ = "users"
    __table_args__ = (
        UniqueConstraint("issuer", "subject"),
        Index(
            "uq_users_verified_email",
            text("lower(email)"),
            unique=True,
            postgresql_where=text("email_verified"),
        ),
    )

    user_id: str = Field(primary_key=True, max_length=JOB_ID_LENGTH)
    tenant: str = Field(max_length=128, index=True)
    """Whose data it is: a guest is a tenant of their own."""
    username: str = Field(max_length=128, unique=True)
    is_guest: bool
    roles: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    created_at: datetime = Field(sa_type=DateTime(timezone=True))
    email: str | None = Field(default=None, max_length=320)
    email_verified: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    """Only an external issuer verifies one; a verified address belongs to one user."""
    name: str | None = Field(default=None, max_length=256)
    issuer: str | None = Field(default=None, max_length=512)
    """The external issuer that knows this user, as `subject`; None where only this server does."""
    subject: str | None = Field(default=None, max_length=256)
    tier: str | None = Field(default=None, max_length=32)
    """None for the default tier of the configuration."""
    settings: dict[str, Any] = Field(  # any JSON
        default_factory=dict, sa_column=Column(JSONB, nullable=False, server_default=text("'{}'::jsonb"))
    )
    version: int = Field(default=1, sa_column_kwargs={"server_default": "1"})
    """Raised, with a denial of the last one, by a change that older tokens must not outlive."""
    updated_at: datetime | None = Field(
        default=None, sa_column=Column(DateTime(timezone=True), nullable=False, server_default=func.now())
    )
    deactivated_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))


@dataclass(frozen=True)
class UserFilter:
    """Which users are wanted; None wherever any will do."""

    search: str | None = None
    """Part of a username, an address or a name, in any case."""
    role: Role | None = None
    tiers: Sequence[str | None] | None = None
    """Any of these; None among them for who has the default one."""
    is_guest: bool | None = None
    is_active: bool | None = None


class UsernameTaken(ApiError):
    """Another user has this name."""

    def __init__(self) -> None:
        super().__init__(ErrorCode.CONFLICT, "This username is taken; choose another", param="username")


def is_reserved(username: str) -> bool:
    """Whether nobody may choose this name."""
    return username.lower().startswith(RESERVED)


def new_guest(now: datetime) -> User:
    """A guest, not stored yet."""
    user_id = new_ulid()
    return User(
        user_id=user_id,
        tenant=user_id,
        username=f"guest-{user_id.lower()}",
        is_guest=True,
        roles=[Role.GUEST.value],
        created_at=now,
    )


async def add_user(session: AsyncSession, user: User) -> None:
    """Keep a new user."""
    session.add(user)
    await session.flush()


async def user_of(session: AsyncSession, user_id: str) -> User | None:
    """The user of this id."""
    return await session.get(User, user_id)


async def locked_user(session: AsyncSession, user_id: str) -> User | None:
    """The user of this id as they are now, whom nobody else changes until the transaction ends.

    The one lock for whatever concerns a user's sessions, too: who holds it sees all of them.
    """
    return await session.get(User, user_id, populate_existing=True, with_for_update={"key_share": True})


async def rename(session: AsyncSession, user: User, username: str) -> None:
    """Give a user another name, with all else that was changed of them. Raises UsernameTaken."""
    user.username = username
    try:
        await session.flush()
    except IntegrityError as error:
        raise UsernameTaken from error


async def users_called(session: AsyncSession, name: str) -> list[User]:
    """Whom an id, a username or a verified address means. An address that nobody verified means nobody:
    everyone can say that it is theirs."""
    has_address = and_(col(User.email_verified), func.lower(col(User.email)) == name.lower())
    is_called = or_(col(User.user_id) == name, col(User.username) == name, has_address)
    return list(await session.exec(select(User).where(is_called).order_by(col(User.user_id))))


async def users_claiming(session: AsyncSession, email: str) -> list[User]:
    """Those who say that this address is theirs, without proof."""
    claims = and_(~col(User.email_verified), func.lower(col(User.email)) == email.lower())
    return list(await session.exec(select(User).where(claims).order_by(col(User.user_id))))


async def users_with(session: AsyncSession, role: Role) -> list[User]:
    """Everybody who has a role, in order of id."""
    having = col(User.roles).contains([role.value])
    return list(await session.exec(select(User).where(having).order_by(col(User.user_id))))


async def users_page(
    session: AsyncSession, wanted: UserFilter, *, limit: int, after: str | None, order: Order
) -> tuple[list[User], bool]:
    """A part of those who are wanted, and whether there are more. Raises ApiError for an unknown `after`."""
    statement = select(User).where(*_clauses(wanted))
    return await keyset(session, statement, col(User.user_id), limit=limit, after=after, order=order)


def _clauses(wanted: UserFilter) -> Iterator[ColumnElement[bool]]:
    if wanted.search is not None:
        texts = (col(User.username), col(User.email), col(User.name))
        yield or_(*(text.icontains(wanted.search, autoescape=True) for text in texts))
    if wanted.role is not None:
        yield col(User.roles).contains([wanted.role.value])
    if wanted.tiers is not None:
        named = col(User.tier).in_([tier for tier in wanted.tiers if tier is not None])
        yield or_(named, col(User.tier).is_(None)) if None in wanted.tiers else named
    if wanted.is_guest is not None:
        yield col(User.is_guest).is_(wanted.is_guest)
    if wanted.is_active is not None:
        yield col(User.deactivated_at).is_(None) == wanted.is_active
