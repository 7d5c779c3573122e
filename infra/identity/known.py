"""Tokens that were verified before, so that the second request of a token costs a hash and a look-up.

Only hashes are kept. A denial (of a token by its `jti`, of a session by its `sid`) outweighs what is known.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from contracts.envelope import Caller

MAX_KNOWN = 10_000
"""Tokens remembered, about 1 KiB each; the oldest gives way."""


@dataclass(frozen=True, slots=True)
class Known:
    """A verified token: who it speaks for, until when, and the names by which it can be denied."""

    caller: Caller
    expires_at: float
    names: frozenset[str]


class KnownTokens:
    """Bounded, in order of arrival."""

    def __init__(self, limit: int = MAX_KNOWN) -> None:
        self._limit = limit
        self._known: dict[bytes, Known] = {}
        self._denied: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._known)

    def caller_of(self, digest: bytes, now: float) -> Caller | None:
        """The caller behind a token's hash, while the token is good."""
        known = self._known.get(digest)
        if known is None:
            return None
        if known.expires_at <= now:
            del self._known[digest]
            return None
        return known.caller

    def remember(self, digest: bytes, known: Known) -> None:
        """Keep a verified token."""
        if len(self._known) >= self._limit:
            del self._known[next(iter(self._known))]
        self._known[digest] = known

    def deny(self, name: str, until: float, now: float) -> None:
        """Refuse the tokens of this name until the last of them has expired, when the denial is forgotten."""
        self._denied = {other: end for other, end in self._denied.items() if end > now}
        self._denied[name] = until
        self._known = {digest: known for digest, known in self._known.items() if name not in known.names}

    def is_denied(self, names: Iterable[str], now: float) -> bool:
        """Whether any of these names is refused."""
        return any(self._denied.get(name, 0.0) > now for name in names)
