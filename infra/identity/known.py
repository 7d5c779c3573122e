"""Credentials that were verified before, so that the second request of one costs a hash and a look-up.

Only hashes are kept. A denial outweighs what is known: every credential has names, and stands until its end
or until one of them is denied.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from contracts.envelope import Caller

MAX_KNOWN = 10_000
"""Credentials remembered, about 1 KiB each; the oldest gives way."""


def token_name(jti: str) -> str:
    """By which one access token is denied."""
    return f"jti:{jti}"


def session_name(sid: str) -> str:
    """By which the tokens of a login are denied."""
    return f"sid:{sid}"


def key_name(key_id: str) -> str:
    """By which an API key is denied."""
    return f"key:{key_id}"


def user_name(user_id: str, version: int) -> str:
    """By which a user's credentials are denied that were made before the user changed."""
    return f"user:{user_id}@{version}"


@dataclass(frozen=True, slots=True)
class Known:
    """A verified credential: who it speaks for, until when, and the names by which it can be denied."""

    caller: Caller
    expires_at: float
    """Unix seconds."""
    names: frozenset[str]
    session_id: str | None = None
    """The login that an access token belongs to."""


class Denials:
    """The names that are refused now, as this process knows them."""

    def __init__(self) -> None:
        self._denied: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._denied)

    def deny(self, name: str, until: float, now: float) -> None:
        """Refuse a name until the last credential of that name has expired, when the denial is forgotten."""
        while self._denied and next(iter(self._denied.values())) <= now:  # most live equally long
            del self._denied[next(iter(self._denied))]
        self._denied[name] = max(until, self._denied.get(name, 0.0))

    def forget(self, now: float) -> None:
        """Forget all that have ended, also those behind one that lives longer."""
        self._denied = {name: until for name, until in self._denied.items() if until > now}

    def is_denied(self, names: Iterable[str], now: float) -> bool:
        """Whether any of these names is refused."""
        return bool(self._denied) and any(self._denied.get(name, 0.0) > now for name in names)


class KnownTokens:
    """Bounded, in order of arrival."""

    def __init__(self, denials: Denials, limit: int = MAX_KNOWN) -> None:
        self._denials = denials
        self._limit = limit
        self._known: dict[bytes, Known] = {}

    def __len__(self) -> int:
        return len(self._known)

    def find(self, digest: bytes, now: float) -> Known | None:
        """What is known of the credential with this hash, while it is good."""
        known = self._known.get(digest)
        if known is None:
            return None
        if known.expires_at <= now or self._denials.is_denied(known.names, now):
            del self._known[digest]
            return None
        return known

    def remember(self, digest: bytes, known: Known) -> None:
        """Keep a verified credential."""
        if len(self._known) >= self._limit:
            del self._known[next(iter(self._known))]
        self._known[digest] = known
