"""The embedded issuer: signs access tokens, and publishes how to verify them."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from joserfc import jwt

from contracts.ids import new_ulid
from contracts.wire.auth import JsonWebKeySet, OpenIdConfiguration
from infra.identity.claims import CLIENT_ID, TOKEN_TYPE, AccessClaims
from infra.identity.keyring import KeyRing
from infra.settings import IdentitySettings

JWKS_PATH = "/.well-known/jwks.json"
DISCOVERY_PATH = "/.well-known/openid-configuration"


@dataclass(frozen=True)
class Subject:
    """Whom a token speaks for, and in which session."""

    user_id: str
    tenant: str
    username: str
    roles: tuple[str, ...]
    session_id: str
    version: int = 1
    """Of the user: a change that must be felt at once makes it another one."""


@dataclass(frozen=True)
class AccessToken:
    """A signed token, and the seconds that it is good for."""

    value: str = field(repr=False)
    expires_in: int


class Issuer:
    """Signs with the newest key of the ring."""

    def __init__(
        self, settings: IdentitySettings, keys: KeyRing, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._settings = settings
        self._keys = keys
        self._clock = clock

    async def issue(self, subject: Subject) -> AccessToken:
        """A new access token. Raises ApiError when there is no key to sign with."""
        await self._keys.keep_fresh()
        key = self._keys.current()
        header = {"alg": key.algorithm.value, "kid": key.kid, "typ": TOKEN_TYPE}
        claims = self._claims(subject).model_dump()
        token = jwt.encode(header, claims, key.jwk, algorithms=[key.algorithm.value])
        return AccessToken(token, self._settings.access_ttl)

    async def key_set(self) -> JsonWebKeySet:
        """The public halves of all keys whose tokens are accepted."""
        await self._keys.keep_fresh()
        return JsonWebKeySet(keys=[key.public() for key in self._keys.all()])

    async def discovery(self) -> OpenIdConfiguration:
        """What an OpenID Connect client reads first."""
        await self._keys.keep_fresh()
        return OpenIdConfiguration(
            issuer=self._settings.issuer,
            jwks_uri=self._settings.issuer.rstrip("/") + JWKS_PATH,
            id_token_signing_alg_values_supported=sorted({key.algorithm.value for key in self._keys.all()}),
            response_types_supported=["id_token"],
            subject_types_supported=["public"],
        )

    def _claims(self, subject: Subject) -> AccessClaims:
        now = int(self._clock())
        return AccessClaims(
            iss=self._settings.issuer,
            aud=self._settings.audience,
            client_id=CLIENT_ID,
            sub=subject.user_id,
            sid=subject.session_id,
            jti=new_ulid(),
            iat=now,
            nbf=now,
            exp=now + self._settings.access_ttl,
            tenant=subject.tenant,
            username=subject.username,
            ver=subject.version,
            roles=list(subject.roles),
        )
