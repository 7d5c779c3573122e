"""Sessions: the logins that the server offers of its own, and what becomes of them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from contracts.ids import new_ulid
from contracts.wire.auth import GuestLogin
from contracts.wire.login import LoggedIn
from infra.database import Database
from infra.identity.issuer import Issuer, Subject
from infra.identity.opaque import keyed_hash, new_refresh_token
from infra.settings import IdentitySettings
from infra.store.refresh_tokens import RefreshToken, add_refresh_token
from infra.store.revoking import Revocations
from infra.store.users import User, add_user, new_guest


@dataclass(frozen=True)
class Accounts:
    """Users, and the tokens that speak for them."""

    database: Database
    settings: IdentitySettings
    issuer: Issuer
    revocations: Revocations

    async def guest_login(self) -> GuestLogin:
        """Make a guest, with a session. Nothing is stored unless both tokens could be made."""
        guest = new_guest(datetime.now(UTC))
        session_id = new_ulid()
        access = await self.issuer.issue(_subject(guest, session_id))
        refresh_token = new_refresh_token()
        async with self.database.begin() as session:
            await add_user(session, guest)
            await add_refresh_token(session, self._stored(refresh_token, guest, session_id))
        return GuestLogin(
            user_id=guest.user_id,
            username=guest.username,
            principal_id=guest.user_id,
            access_token=access.value,
            refresh_token=refresh_token,
            expires_in=access.expires_in,
        )

    async def open_session(self, user: User) -> LoggedIn:
        """A new session of a user who has logged in."""
        session_id = new_ulid()
        access = await self.issuer.issue(_subject(user, session_id))
        refresh_token = new_refresh_token()
        stored = self._stored(refresh_token, user, session_id)
        stored.created_at = datetime.now(UTC)
        stored.expires_at = stored.created_at + timedelta(seconds=self.settings.refresh_ttl)
        async with self.database.begin() as session:
            await add_refresh_token(session, stored)
        return LoggedIn(access_token=access.value, refresh_token=refresh_token, expires_in=access.expires_in)

    def _stored(self, refresh_token: str, user: User, session_id: str) -> RefreshToken:
        return RefreshToken(
            token_hash=keyed_hash(self.settings.secret.get_secret_value(), refresh_token),
            user_id=user.user_id,
            family=session_id,
            created_at=user.created_at,
            expires_at=user.created_at + timedelta(seconds=self.settings.refresh_ttl),
        )


def _subject(user: User, session_id: str) -> Subject:
    return Subject(user.user_id, user.tenant, user.username, tuple(user.roles), session_id, user.version)
