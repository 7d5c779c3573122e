"""Bearer validation: an access token in, a Caller out, or ApiError with the true reason (RFC 8725, RFC 9068).

What the token says about its own verification is never followed. Its header may hold three fields; the key is
found among the issuer's by exact name, and the key, not the token, tells the algorithm.
"""

import base64
import hashlib
import json
import re
import time
from collections.abc import Callable
from typing import Annotated, Any, Literal

from joserfc import jwt
from joserfc.errors import BadSignatureError, JoseError
from pydantic import ConfigDict, Field

from contracts.base import Message
from contracts.envelope import AuthMethod, Caller
from infra.identity.claims import TOKEN_TYPE, AccessClaims, checked, invalid
from infra.identity.keyring import KeyRing
from infra.identity.keys import Algorithm, SigningKey
from infra.identity.known import Denials, Known, KnownTokens, session_name, token_name, user_name
from infra.settings import KIB, IdentitySettings

MAX_TOKEN = 8 * KIB
"""Bytes. Larger is refused before anything is decoded."""
COMPACT = re.compile(rb"([A-Za-z0-9_-]{1,1024})\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
"""A signed token has three parts; one with five would be an encrypted one, which nobody issues here."""
HEADER_RULE = (
    f"The access token's header must hold alg ({', '.join(Algorithm)}), kid, typ ({TOKEN_TYPE}), no more"
)


class TokenHeader(Message):
    """All that a header may hold. `jku`, `x5u`, `jwk` or `crit` would be another's idea of trust."""

    model_config = ConfigDict(strict=True, extra="forbid", hide_input_in_errors=True)

    alg: Literal["RS256", "ES256"]
    kid: Annotated[str, Field(min_length=1, max_length=128)]
    typ: Literal["at+jwt"]


class Validator:
    """Verifies tokens of the embedded issuer, each once."""

    def __init__(
        self,
        settings: IdentitySettings,
        keys: KeyRing,
        denials: Denials,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._keys = keys
        self._denials = denials
        self._clock = clock
        self._known = KnownTokens(denials)

    async def validate(self, token: bytes) -> Known:
        """Who the token speaks for. Raises ApiError with the code invalid_token."""
        if len(token) > MAX_TOKEN:
            raise invalid("The access token is refused: it is too large")
        digest = hashlib.sha256(token).digest()
        known = self._known.find(digest, self._clock())
        return known if known is not None else await self._verified(token, digest)

    async def _verified(self, token: bytes, digest: bytes) -> Known:
        header = _header_of(token)
        key = await self._keys.find(header.kid)
        if key is None:
            raise invalid("The access token is signed with a key that is not known here")
        now = self._clock()
        claims = checked(_signed_claims(token, header, key), header.model_dump(), self._settings, now)
        known = _known(claims, claims.exp + self._settings.leeway)
        if self._denials.is_denied(known.names, now):
            raise invalid("The access token has been revoked")
        self._known.remember(digest, known)
        return known


class _PlainJson(json.JSONDecoder):
    """JSON without its ambiguities: no name twice, no NaN, no Infinity."""

    def __init__(self) -> None:
        super().__init__(object_pairs_hook=_unique, parse_constant=_no_constant)


def _header_of(token: bytes) -> TokenHeader:
    compact = COMPACT.fullmatch(token)
    if compact is None:
        raise invalid("The access token is not a signed JSON Web Token")
    raw = compact[1]
    try:
        return TokenHeader.model_validate_json(base64.urlsafe_b64decode(raw + b"=" * (-len(raw) % 4)))
    except ValueError as error:  # not base64, not JSON, or not these fields
        raise invalid(HEADER_RULE) from error


def _signed_claims(token: bytes, header: TokenHeader, key: SigningKey) -> dict[str, Any]:
    """The claims, once their signature is known to be the key's; any JSON object."""
    if header.alg != key.algorithm:
        raise invalid("The access token's algorithm is not that of its key")
    try:
        return jwt.decode(token, key.jwk, algorithms=[key.algorithm.value], decoder_cls=_PlainJson).claims
    except BadSignatureError as error:
        raise invalid("The access token's signature does not match") from error
    except (JoseError, RecursionError) as error:  # the latter by deeply nested claims
        raise invalid("The access token cannot be decoded") from error


def _known(claims: AccessClaims, expires_at: float) -> Known:
    caller = Caller(
        user_id=claims.sub, tenant=claims.tenant, roles=tuple(claims.roles), auth_method=AuthMethod.JWT
    )
    names = (token_name(claims.jti), session_name(claims.sid), user_name(claims.sub, claims.ver))
    return Known(caller, expires_at, frozenset(names), claims.sid)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")
