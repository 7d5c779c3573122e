"""Profiles: who a caller is, and the preferences that they keep here."""

from dataclasses import dataclass
from datetime import UTC, datetime

from api_edge.auth.profile_settings import checked_patch, checked_size, merged
from contracts.envelope import Caller, Role
from contracts.errors import ApiError, ErrorCode
from contracts.wire.users import JsonObject, Me
from infra.database import Database
from infra.store.users import User, locked_user, user_of


@dataclass(frozen=True)
class Profiles:
    """Users, as they see themselves."""

    database: Database

    async def me(self, caller: Caller) -> Me:
        """The caller. Raises ApiError with a 401 where the user is no more."""
        async with self.database.begin() as session:
            user = _there(await user_of(session, caller.user_id))
        return Me(
            id=user.user_id,
            username=user.username,
            email=user.email,
            subject=user.subject or user.user_id,
            auth_method=caller.auth_method,
            name=user.name,
            roles=list(caller.roles),
            is_guest=user.is_guest,
            is_admin=Role.ADMIN in caller.roles,
        )

    async def settings(self, caller: Caller) -> JsonObject:
        """The caller's preferences. Raises ApiError as `me` does."""
        async with self.database.begin() as session:
            return _there(await user_of(session, caller.user_id)).settings

    async def change_settings(self, caller: Caller, patch: JsonObject) -> JsonObject:
        """The preferences with a merge patch applied (RFC 7396); patches at once are applied one after the
        other. Raises ApiError: 400 for what can't be kept, 413 for too much of it."""
        checked_patch(patch)
        async with self.database.begin() as session:
            user = _there(await locked_user(session, caller.user_id))
            user.settings = checked_size(merged(user.settings, patch))
            user.updated_at = datetime.now(UTC)
        return user.settings


def _there(user: User | None) -> User:
    if user is None:
        raise ApiError(ErrorCode.INVALID_TOKEN, "The user of this credential does not exist any more")
    return user
