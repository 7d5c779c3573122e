"""Users whom an external issuer knows: found by (issuer, subject), made when they first come, or a guest who
becomes one.

An address never finds anybody: two issuers' users of one address stay two. A verified address belongs to one
user; to the second it is kept as not verified.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, insert, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from contracts.envelope import Role
from contracts.errors import ApiError, ErrorCode
from contracts.ids import new_ulid
from infra.database import Database
from infra.identity.external import Person, Profile
from infra.store.users import User, is_reserved

Values = dict[str, Any]  # columns


class ExternalUsers:
    """The users of external issuers."""

    def __init__(self, database: Database, admin_emails: tuple[str, ...] = ()) -> None:
        self._database = database
        self._admins = frozenset(email.lower() for email in admin_emails)

    async def person(self, profile: Profile) -> Person:
        """Whom an access token speaks for. Raises ApiError with invalid_token for a deactivated user."""
        async with self._database.begin() as session:
            user = await self._found(session, profile) or await self._made(session, profile)
        if user.deactivated_at is not None:
            raise ApiError(ErrorCode.INVALID_TOKEN, "The user of this access token has been deactivated")
        return Person(user.user_id, user.tenant, tuple(user.roles), user.version)

    async def logged_in(self, profile: Profile, guest_id: str | None) -> User:
        """The user who logs in.

        Somebody who is new becomes the guest of this id, keeping the row; where there is no such guest, a
        new user. Raises ApiError with login_failed for a deactivated user.
        """
        async with self._database.begin() as session:
            user = await self._found(session, profile)
            if user is None:
                user = await self._upgraded(session, profile, guest_id) or await self._made(session, profile)
        if user.deactivated_at is not None:
            raise ApiError(ErrorCode.LOGIN_FAILED, "This user has been deactivated")
        return user

    async def _found(self, session: AsyncSession, profile: Profile) -> User | None:
        user = await _known(session, profile)
        if user is None or not self._is_admin(profile, user) or Role.ADMIN.value in user.roles:
            return user
        await _change(session, user.user_id, {"roles": [*user.roles, Role.ADMIN.value]})
        return await _read(session, user.user_id)

    async def _made(self, session: AsyncSession, profile: Profile) -> User:
        user_id = new_ulid()
        fixed = {"user_id": user_id, "tenant": user_id, "created_at": datetime.now(UTC), **_identity(profile)}
        for values in _tries(profile, user_id):
            try:
                async with session.begin_nested():
                    await session.exec(insert(User).values(**fixed, **values))
                return await self._granted(session, profile, user_id)
            except IntegrityError:
                user = await _known(session, profile)  # made by another request at the same moment
                if user is not None:
                    return user
        raise ApiError(ErrorCode.CONFLICT, "No user could be made of this login")

    async def _upgraded(self, session: AsyncSession, profile: Profile, guest_id: str | None) -> User | None:
        guest = await _guest(session, guest_id)
        if guest is None:
            return None
        roles = [Role.USER.value if role == Role.GUEST else role for role in guest.roles]
        for values in _tries(profile, guest.user_id):
            try:
                async with session.begin_nested():
                    await _change(session, guest.user_id, {**_identity(profile), **values, "roles": roles})
                return await self._granted(session, profile, guest.user_id)
            except IntegrityError:
                if await _known(session, profile) is not None:
                    break
        return await _known(session, profile)

    async def _granted(self, session: AsyncSession, profile: Profile, user_id: str) -> User:
        """The user as just written, an admin where the settings say so."""
        return await self._found(session, profile) or await _read(session, user_id)

    def _is_admin(self, profile: Profile, user: User) -> bool:
        """Whether the address is an admin's, verified now, and this user's and nobody else's."""
        email = (profile.email or "").lower()
        return (
            profile.email_verified
            and email in self._admins
            and user.email_verified
            and (user.email or "").lower() == email
        )


def _identity(profile: Profile) -> Values:
    return {
        "issuer": profile.issuer,
        "subject": profile.subject,
        "email": profile.email,
        "name": profile.name,
        "is_guest": False,
    }


def _tries(profile: Profile, user_id: str) -> Iterator[Values]:
    """What may collide with others' rows, the wished-for first and what surely fits last."""
    short = user_id.lower()
    wished = profile.username
    names = [f"{wished}-{short}" if wished else f"user-{short}"]
    if wished and not is_reserved(wished):
        names.insert(0, wished)
    for is_verified in dict.fromkeys((profile.email_verified, False)):
        for name in names:
            yield {"username": name, "email_verified": is_verified, "roles": [Role.USER.value]}


async def _known(session: AsyncSession, profile: Profile) -> User | None:
    who = select(User).where(col(User.issuer) == profile.issuer, col(User.subject) == profile.subject)
    return (await session.exec(who.execution_options(populate_existing=True))).one_or_none()


async def _guest(session: AsyncSession, guest_id: str | None) -> User | None:
    """The guest of this id, locked; None for anybody who is none, any more."""
    if guest_id is None:
        return None
    who = select(User).where(
        col(User.user_id) == guest_id, col(User.is_guest), col(User.deactivated_at).is_(None)
    )
    return (await session.exec(who.with_for_update())).one_or_none()


async def _change(session: AsyncSession, user_id: str, values: Values) -> None:
    changing = update(User).where(col(User.user_id) == user_id).values(**values, updated_at=func.now())
    await session.exec(changing.execution_options(synchronize_session=False))


async def _read(session: AsyncSession, user_id: str) -> User:
    return await session.get_one(User, user_id, populate_existing=True)
