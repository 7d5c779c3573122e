"""API keys verified: the form first, then the keyed hash, looked up once in a while.

No comparison here takes longer for a better guess. A key of the right form becomes an HMAC, whose digits
nobody can steer who has not the secret, and one query asks for the row of that hash: the same for a key that
never was, one that was revoked, and one that is good. Refusals say one and the same.
"""

import time
from collections.abc import Callable

from api_edge.auth.key_uses import KeyUses
from contracts.envelope import AuthMethod, Caller
from contracts.errors import ApiError, ErrorCode
from infra.database import Database
from infra.identity.api_keys import is_api_key
from infra.identity.known import Denials, Known, KnownTokens, key_name, user_name
from infra.identity.opaque import keyed_hash
from infra.settings import IdentitySettings
from infra.store.api_keys import ApiKeyRow, known_key
from infra.store.users import User

REFUSED_SECONDS = 5.0
"""So long a refused key is not looked up again: one client with a wrong key costs few queries."""
MAX_REFUSED = 10_000


class KeyVerifier:
    """Who an API key speaks for."""

    def __init__(
        self,
        database: Database,
        settings: IdentitySettings,
        denials: Denials,
        uses: KeyUses,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._settings = settings
        self._denials = denials
        self._uses = uses
        self._clock = clock
        self._known = KnownTokens(denials)
        self._refused = RefusedKeys()

    async def validate(self, credential: bytes, *, is_suspect: bool = False) -> Known:
        """Whom the key speaks for; a suspect's is not looked up. Raises ApiError: 401 invalid_api_key, or 503
        while the database is away and the key is not known here."""
        if not is_api_key(credential):
            raise _refusal()
        key_hash = keyed_hash(self._settings.secret.get_secret_value(), credential.decode("ascii"))
        known = self._known.find(key_hash.encode(), self._clock())
        if known is None and is_suspect:
            raise _refusal()
        if known is None:
            known = await self._looked_up(key_hash)
        if known.caller.key_id is not None:
            self._uses.note(known.caller.key_id, self._clock())
        return known

    async def _looked_up(self, key_hash: str) -> Known:
        if self._refused.has(key_hash, self._clock()):
            raise _refusal()
        known = await self._read(key_hash)
        if known is not None and self._is_denied(known):  # since it was read: the truth is newer
            known = await self._read(key_hash)
        if known is None or self._is_denied(known):
            now = self._clock()
            self._refused.add(key_hash, now + REFUSED_SECONDS, now)
            raise _refusal()
        self._known.remember(key_hash.encode(), known)
        return known

    async def _read(self, key_hash: str) -> Known | None:
        async with self._database.begin() as session:
            found = await known_key(session, key_hash)
        return None if found is None else _known(*found, self._clock(), self._settings.key_cache)

    def _is_denied(self, known: Known) -> bool:
        return self._denials.is_denied(known.names, self._clock())


class RefusedKeys:
    """Hashes of keys that were refused a moment ago; bounded, the oldest gives way."""

    def __init__(self, limit: int = MAX_REFUSED) -> None:
        self._limit = limit
        self._until: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._until)

    def has(self, key_hash: str, now: float) -> bool:
        """Whether this one was refused so shortly ago that it is refused again."""
        return self._until.get(key_hash, 0.0) > now

    def add(self, key_hash: str, until: float, now: float) -> None:
        """Refuse it again until then."""
        while self._until and (len(self._until) >= self._limit or next(iter(self._until.values())) <= now):
            del self._until[next(iter(self._until))]
        self._until[key_hash] = until


def _refusal() -> ApiError:
    return ApiError(ErrorCode.INVALID_API_KEY, "The API key is not known, or it is good no longer")


def _known(key: ApiKeyRow, user: User, now: float, seconds: float) -> Known | None:
    """None for a key that is good no longer."""
    ends_at = key.expires_at.timestamp()
    if key.revoked_at is not None or user.deactivated_at is not None or ends_at <= now:
        return None
    caller = Caller(
        user_id=user.user_id,
        tenant=user.tenant,
        roles=tuple(user.roles),
        auth_method=AuthMethod.API_KEY,
        key_id=key.key_id,
    )
    names = frozenset({key_name(key.key_id), user_name(user.user_id, user.version)})
    return Known(caller, min(ends_at, now + seconds), names)
