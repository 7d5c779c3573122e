"""A user's standing: roles, and whether they may act at all.

What takes something away is felt at once: the user gets another version, and whatever speaks for the last one
is denied. What gives something is in effect with the next token. Each change is in the audit log.
"""

from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from contracts.envelope import Role
from contracts.errors import ApiError, ErrorCode
from infra.identity.known import user_name
from infra.store.audit import Actor, Changes, note_change
from infra.store.revoking import Revoking
from infra.store.users import User, locked_user

ADMINS_LOCK = 0x6A616E_61646E
"""Advisory lock (a constant of our own) under which there come to be fewer admins, one at a time."""


class LastAdmin(ApiError):
    """Without this user nobody would be an admin."""

    def __init__(self) -> None:
        super().__init__(ErrorCode.CONFLICT, "This is the last active admin; make somebody else one first")


async def grant(work: Revoking, user_id: str, role: Role, by: Actor) -> User | None:
    """Give a role, which the user's next token has. None where there is no such user."""
    user = await locked_user(work.session, user_id)
    if user is not None and role.value not in user.roles:
        roles, user.roles = user.roles, [*user.roles, role.value]
        user.updated_at = work.now
        _note(work, by, "user.grant_role", user, {"roles": [roles, user.roles]})
    return user


async def withdraw(
    work: Revoking, user_id: str, role: Role, by: Actor, *, spare_last: bool = False
) -> User | None:
    """Take a role away, from every token at once. None where there is no such user.

    Raises LastAdmin for the last active one, if that is to be spared.
    """
    user = await locked_user(work.session, user_id)
    if user is not None and role.value in user.roles:
        if role is Role.ADMIN:
            await _fewer_admins(work.session, user, spare_last=spare_last)
        roles, user.roles = user.roles, [other for other in user.roles if other != role.value]
        _outdate(work, user)
        _note(work, by, "user.revoke_role", user, {"roles": [roles, user.roles]})
    return user


async def deactivate(work: Revoking, user_id: str, by: Actor, *, spare_last: bool = False) -> User | None:
    """Let a user do nothing any more: tokens and keys are denied at once, no new ones are given.

    None where there is no such user. Raises LastAdmin for the last active one, if that is to be spared.
    """
    user = await locked_user(work.session, user_id)
    if user is not None and user.deactivated_at is None:
        if Role.ADMIN.value in user.roles:
            await _fewer_admins(work.session, user, spare_last=spare_last)
        user.deactivated_at = work.now
        _outdate(work, user)
        _note(work, by, "user.deactivate", user, {"is_active": [True, False]})
    return user


async def reactivate(work: Revoking, user_id: str, by: Actor) -> User | None:
    """Let a user act again: their sessions go on with a refresh, their keys are good again.

    None where there is no such user.
    """
    user = await locked_user(work.session, user_id)
    if user is not None and user.deactivated_at is not None:
        user.deactivated_at = None
        user.updated_at = work.now
        _note(work, by, "user.activate", user, {"is_active": [False, True]})
    return user


async def _fewer_admins(session: AsyncSession, user: User, *, spare_last: bool) -> None:
    """Wait for whoever else makes fewer of them, and so judge by what they left.

    The user's row is locked before, and no other after: so two never wait in a ring.
    """
    await session.exec(select(func.pg_advisory_xact_lock(ADMINS_LOCK)))
    others = select(func.count()).where(
        col(User.roles).contains([Role.ADMIN.value]),
        col(User.deactivated_at).is_(None),
        col(User.user_id) != user.user_id,
    )
    if spare_last and user.deactivated_at is None and not (await session.exec(others)).one():
        raise LastAdmin


def _outdate(work: Revoking, user: User) -> None:
    """Deny all that was given to the user as they were."""
    work.deny(user_name(user.user_id, user.version))
    user.version += 1
    user.updated_at = work.now


def _note(work: Revoking, by: Actor, action: str, user: User, changes: Changes) -> None:
    note_change(work.session, by, work.now, action, user.user_id, changes)
