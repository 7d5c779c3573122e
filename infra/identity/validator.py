"""Bearer validation: an access token in, a Caller out, or ApiError with the true reason (RFC 8725, RFC 9068).

Every issuer goes the same way. The token's `iss`, not believed yet, only picks whose rules hold: that
issuer's keys, algorithms, header types and claims. A token of one issuer that names the other meets the
other's keys.
"""

import hashlib
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

from contracts.envelope import AuthMethod, Caller
from infra.identity.claims import TOKEN_TYPE, AccessClaims, checked
from infra.identity.keyring import KeyRing
from infra.identity.keys import Algorithm
from infra.identity.known import Denials, Known, KnownTokens, session_name, token_name, user_name
from infra.identity.signature import MAX_TOKEN, Signing, TokenHeader, VerifyingKey, invalid, parsed, verified
from infra.settings import IdentitySettings

__all__ = ["MAX_TOKEN", "Policy", "Validator", "embedded_policy"]
ACCESS_TOKEN = "access token"  # noqa: S105  what it is called


@dataclass(frozen=True)
class Presented:
    """A token whose signature is known to be its issuer's."""

    header: TokenHeader
    claims: dict[str, Any]  # any JSON object
    digest: bytes
    """SHA-256 of the token."""
    now: float


@dataclass(frozen=True)
class Policy:
    """What holds for the tokens of one issuer."""

    issuer: str
    signing: Signing
    identify: Callable[[Presented], Awaitable[Known]]
    """Judges the claims, and tells who it is. Raises ApiError."""


class Validator:
    """Verifies access tokens of the issuers that are trusted, each token once."""

    def __init__(
        self, policies: Iterable[Policy], denials: Denials, *, clock: Callable[[], float] = time.time
    ) -> None:
        """Raises ValueError when two policies name one issuer: then which rules hold would be chance."""
        given = list(policies)
        self._policies = {policy.issuer: policy for policy in given}
        if len(self._policies) != len(given):
            raise ValueError("two issuers of access tokens have the same name")
        self._denials = denials
        self._clock = clock
        self._known = KnownTokens(denials)

    async def validate(self, token: bytes) -> Known:
        """Who the token speaks for. Raises ApiError: invalid_token, or 503 where that cannot be known now."""
        if len(token) > MAX_TOKEN:
            raise invalid("The access token is refused: it is too large")
        digest = hashlib.sha256(token).digest()
        known = self._known.find(digest, self._clock())
        return known if known is not None else await self._verified(token, digest)

    async def _verified(self, token: bytes, digest: bytes) -> Known:
        raw_header, unverified = parsed(token, ACCESS_TOKEN)
        policy = self._policy_of(unverified.get("iss"))
        header, claims = await verified(token, raw_header, policy.signing)
        known = await policy.identify(Presented(header, claims, digest, self._clock()))
        if self._denials.is_denied(known.names, self._clock()):
            raise invalid("The access token has been revoked")
        self._known.remember(digest, known)
        return known

    def _policy_of(self, issuer: object) -> Policy:
        policy = self._policies.get(issuer) if isinstance(issuer, str) else None
        if policy is None:
            raise invalid("The access token is refused: its iss is not an issuer that is trusted here")
        return policy


def embedded_policy(settings: IdentitySettings, keys: KeyRing) -> Policy:
    """The product's own issuer: its tokens say all that there is to know of a caller."""

    async def find(kid: str) -> VerifyingKey | None:
        key = await keys.find(kid)
        return None if key is None else VerifyingKey(key.jwk, frozenset({key.algorithm.value}))

    async def identify(token: Presented) -> Known:
        claims = checked(token.claims, token.header.model_dump(), settings, token.now)
        return _known(claims, claims.exp + settings.leeway)

    algorithms = tuple(algorithm.value for algorithm in Algorithm)
    return Policy(settings.issuer, Signing(ACCESS_TOKEN, (TOKEN_TYPE,), algorithms, find), identify)


def _known(claims: AccessClaims, expires_at: float) -> Known:
    caller = Caller(
        user_id=claims.sub, tenant=claims.tenant, roles=tuple(claims.roles), auth_method=AuthMethod.JWT
    )
    names = (token_name(claims.jti), session_name(claims.sid), user_name(claims.sub, claims.ver))
    return Known(caller, expires_at, frozenset(names), claims.sid)
