"""A user's standing: roles, and whether they may act at all.

What takes something away is felt at once: the user gets another version, and whatever speaks for the last one
is denied. What gives something is in effect with the next token.
"""

from contracts.envelope import Role
from infra.identity.known import user_name
from infra.store.revoking import Revoking
from infra.store.users import User, locked_user


async def grant(work: Revoking, user_id: str, role: Role) -> User | None:
    """Give a role, which the user's next token has. None where there is no such user."""
    user = await locked_user(work.session, user_id)
    if user is not None and role.value not in user.roles:
        user.roles = [*user.roles, role.value]
        user.updated_at = work.now
    return user


async def withdraw(work: Revoking, user_id: str, role: Role) -> User | None:
    """Take a role away, from every token at once. None where there is no such user."""
    user = await locked_user(work.session, user_id)
    if user is not None and role.value in user.roles:
        user.roles = [other for other in user.roles if other != role.value]
        _outdate(work, user)
    return user


async def deactivate(work: Revoking, user_id: str) -> User | None:
    """Let a user do nothing any more: tokens and keys are denied at once, no new ones are given.

    None where there is no such user.
    """
    user = await locked_user(work.session, user_id)
    if user is not None and user.deactivated_at is None:
        user.deactivated_at = work.now
        _outdate(work, user)
    return user


async def reactivate(work: Revoking, user_id: str) -> User | None:
    """Let a user act again: their sessions go on with a refresh, their keys are good again.

    None where there is no such user.
    """
    user = await locked_user(work.session, user_id)
    if user is not None and user.deactivated_at is not None:
        user.deactivated_at = None
        user.updated_at = work.now
    return user


def _outdate(work: Revoking, user: User) -> None:
    """Deny all that was given to the user as they were."""
    work.deny(user_name(user.user_id, user.version))
    user.version += 1
    user.updated_at = work.now
