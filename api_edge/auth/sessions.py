"""Sessions: each is a family of refresh tokens, of which every one is good for one use.

A refresh uses its token up and gives the next one, which lasts for the whole time to live again: a session
ends when it is not used for so long, or by a logout. A token that comes a second time was stolen, from the
client or by it: which, nobody can tell, so the whole session ends, and its access tokens are denied on every
edge. There is no grace for two uses at once, as that is how a theft looks.

The user's row is locked before a session changes, so that a refresh and a logout never miss each other.
"""

from dataclasses import dataclass
from datetime import datetime

from api_edge.auth.accounts import Accounts, Minted, keep
from contracts.errors import ApiError, ErrorCode
from infra.identity.known import Known, session_name
from infra.store.refresh_tokens import RefreshToken, locked_token, owner_of_token, revoke_family
from infra.store.revoking import Revoking
from infra.store.users import User, locked_user


@dataclass(frozen=True)
class Sessions:
    """What becomes of sessions after the login."""

    accounts: Accounts

    async def refresh(self, refresh_token: str) -> Minted:
        """The next tokens of a session, with the user's roles of now. Raises ApiError with a 401."""
        async with self.accounts.revocations.begin() as work:
            outcome = await self._rotated(work, refresh_token)
        if isinstance(outcome, ApiError):  # raised here, as a revocation had to be committed first
            raise outcome
        return outcome

    async def end_of(self, known: Known) -> None:
        """End the session that an access token belongs to; an API key belongs to none."""
        if known.session_id is None:
            return
        async with self.accounts.revocations.begin() as work:
            left = known.expires_at - work.now.timestamp()
            await locked_user(work.session, known.caller.user_id)
            await _end(work, known.caller.user_id, known.session_id, max(left, work.usual))

    async def end_by(self, refresh_token: str) -> None:
        """End the session of a refresh token, be it used or not; one that is not known ends nothing."""
        async with self.accounts.revocations.begin() as work:
            _, token = await self._found(work, refresh_token)
            if token is not None:
                await _end(work, token.user_id, token.family)

    async def _rotated(self, work: Revoking, refresh_token: str) -> Minted | ApiError:
        user, token = await self._found(work, refresh_token)
        if user is None or token is None:
            return _unknown(refresh_token)
        if token.used_at is not None and token.revoked_at is None:
            await _end(work, token.user_id, token.family)
            return _refused("The refresh token was used before; its session has been ended")
        if (reason := _objection(user, token, work.now)) is not None:
            return _refused(reason)
        token.used_at = work.now
        minted = await self.accounts.minted(user, token.family, work.now)
        await keep(work.session, minted.row)
        return minted

    async def _found(self, work: Revoking, refresh_token: str) -> tuple[User | None, RefreshToken | None]:
        """A token and its user, both locked."""
        hashed = self.accounts.hashed(refresh_token)
        owner = await owner_of_token(work.session, hashed)
        if owner is None:
            return None, None
        return await locked_user(work.session, owner), await locked_token(work.session, hashed)


async def _end(work: Revoking, user_id: str, session_id: str, seconds: float | None = None) -> None:
    await revoke_family(work.session, user_id, session_id, work.now)
    work.deny(session_name(session_id), seconds)


def _objection(user: User, token: RefreshToken, now: datetime) -> str | None:
    """Why a token is not good, if so."""
    if token.revoked_at is not None:
        return "The refresh token has been revoked"
    if token.expires_at <= now:
        return "The refresh token has expired"
    if user.deactivated_at is not None:
        return "The user of this refresh token has been deactivated"
    return None


def is_access_token(credential: str) -> bool:
    """Whether this is a JSON Web Token, as no refresh token is."""
    return credential.startswith("eyJ") and credential.count(".") > 1


def _unknown(refresh_token: str) -> ApiError:
    if is_access_token(refresh_token):
        return _refused("This is an access token; send the refresh token")
    return _refused("The refresh token is not known")


def _refused(reason: str) -> ApiError:
    return ApiError(ErrorCode.INVALID_TOKEN, reason)
