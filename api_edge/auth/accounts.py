"""Accounts: the logins that the server offers of its own, and guests who register."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from contracts.envelope import Role
from contracts.errors import ApiError, ErrorCode
from contracts.ids import new_ulid
from contracts.wire.auth import GuestLogin, TokenPair, UpgradeAsk, Upgraded
from contracts.wire.login import LoggedIn
from infra.database import Database, Transaction
from infra.identity.issuer import AccessToken, Issuer, Subject
from infra.identity.opaque import keyed_hash, new_refresh_token
from infra.settings import IdentitySettings
from infra.store.refresh_tokens import RefreshToken, add_refresh_token, has_session, sweep_tokens
from infra.store.revoking import Revocations
from infra.store.users import User, add_user, is_reserved, locked_user, new_guest, rename

SWEPT = 100
"""Expired refresh tokens that a new one takes along: many more than come, and no wait."""


@dataclass(frozen=True)
class Minted:
    """The tokens of a session, of which one is to be stored."""

    access: AccessToken
    refresh_token: str = field(repr=False)
    row: RefreshToken

    def pair(self) -> TokenPair:
        """As a client gets them."""
        seconds = self.access.expires_in
        return TokenPair(
            access_token=self.access.value,
            refresh_token=self.refresh_token,
            expires_in=seconds,
            expires_at=self.row.created_at.replace(microsecond=0) + timedelta(seconds=seconds),
        )


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
        minted = await self.minted(guest, new_ulid(), guest.created_at)
        async with self.database.begin() as session:
            await add_user(session, guest)
            await keep(session, minted.row)
        return GuestLogin(
            user_id=guest.user_id,
            username=guest.username,
            principal_id=guest.user_id,
            access_token=minted.access.value,
            refresh_token=minted.refresh_token,
            expires_in=minted.access.expires_in,
        )

    async def open_session(self, user: User) -> LoggedIn:
        """A new session of a user who has logged in."""
        minted = await self.minted(user, new_ulid(), datetime.now(UTC))
        async with self.database.begin() as session:
            await keep(session, minted.row)
        return LoggedIn(
            access_token=minted.access.value,
            refresh_token=minted.refresh_token,
            expires_in=minted.access.expires_in,
        )

    async def upgrade(self, user_id: str, session_id: str | None, ask: UpgradeAsk) -> Upgraded:
        """Make a guest a registered user, who keeps the id and with it all that there is.

        The session goes on. Its older tokens stay good, those of access as a guest's until their end: nothing
        fails that is on its way, and who never gets the answer refreshes and is registered. Raises ApiError:
        409 for who is no guest or a name that is taken, 400 for a reserved one.
        """
        now = datetime.now(UTC)
        async with self.database.begin() as session:
            user = await locked_user(session, user_id)
            if user is None or not user.is_guest:
                raise ApiError(ErrorCode.CONFLICT, "Only a guest can be upgraded; this user is registered")
            user.email, user.name, user.is_guest, user.updated_at = ask.email, ask.full_name, False, now
            user.roles = [Role.USER.value if role == Role.GUEST else role for role in user.roles]
            await rename(session, user, _username(ask, user))
            goes_on = session_id is not None and await has_session(session, user_id, session_id, now)
            minted = await self.minted(user, (goes_on and session_id) or new_ulid(), now)
            await keep(session, minted.row)
        return Upgraded(**minted.pair().model_dump())

    async def minted(self, user: User, session_id: str, now: datetime) -> Minted:
        """New tokens of a session, which are good once the refresh token has been kept."""
        subject = Subject(
            user.user_id, user.tenant, user.username, tuple(user.roles), session_id, user.version
        )
        access = await self.issuer.issue(subject)
        refresh_token = new_refresh_token()
        row = RefreshToken(
            token_hash=self.hashed(refresh_token),
            user_id=user.user_id,
            family=session_id,
            created_at=now,
            expires_at=now + timedelta(seconds=self.settings.refresh_ttl),
        )
        return Minted(access, refresh_token, row)

    def hashed(self, refresh_token: str) -> str:
        """Under which a refresh token is stored."""
        return keyed_hash(self.settings.secret.get_secret_value(), refresh_token)


async def keep(session: Transaction, row: RefreshToken) -> None:
    """Store a refresh token, and take some expired ones away."""
    await add_refresh_token(session, row)
    await sweep_tokens(session, row.created_at, SWEPT)


def _username(ask: UpgradeAsk, user: User) -> str:
    if ask.username is None:
        return f"user-{user.user_id.lower()}"
    name = ask.username.lower()
    if is_reserved(name):
        raise ApiError(ErrorCode.INVALID_VALUE, "This username is reserved; choose another", param="username")
    return name
