"""The embedded issuer's signing keys: one value for each, bound to one algorithm."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property

from joserfc.jwk import ECKey, RSAKey

from contracts.ids import new_ulid

RSA_BITS = 2_048
CURVE = "P-256"
PUBLISHED_FIRST = timedelta(minutes=3)
"""So long a new key is published before it signs: longer than an edge and a cache of the key set together
take to hear of it (a minute each)."""


class Algorithm(StrEnum):
    """The signature algorithms that are ever issued or accepted (RFC 8725, 3.1)."""

    RS256 = "RS256"
    """The default: the one that every OpenID Connect client must know, and the cheaper to verify."""
    ES256 = "ES256"


@dataclass(frozen=True)
class SigningKey:
    """A key pair. It signs until it is retired, and verifies for as long as its last token lives."""

    kid: str
    algorithm: Algorithm
    private_pem: str = field(repr=False)
    created_at: datetime
    retired_at: datetime | None = None
    """When it stops signing, which may be still to come."""

    def may_sign(self, now: datetime) -> bool:
        """Whether it is not retired."""
        return self.retired_at is None or self.retired_at > now

    def is_published(self, now: datetime) -> bool:
        """Whether everybody had the time to hear of it."""
        return self.created_at + PUBLISHED_FIRST <= now

    @cached_property
    def jwk(self) -> RSAKey | ECKey:
        """The key as joserfc wants it, refused for any other use or algorithm."""
        kind = RSAKey if self.algorithm is Algorithm.RS256 else ECKey
        parameters = {"kid": self.kid, "use": "sig", "alg": self.algorithm.value}
        return kind.import_key(self.private_pem, parameters)  # type: ignore[arg-type]  # a TypedDict of these

    def public(self) -> dict[str, str]:
        """The public half, as it stands in the key set (RFC 7517)."""
        return {name: str(value) for name, value in self.jwk.as_dict(private=False).items()}


def new_signing_key(now: datetime, algorithm: Algorithm = Algorithm.RS256) -> SigningKey:
    """A fresh key. RSA takes about 0.1 s of a core."""
    if algorithm is Algorithm.RS256:
        pem = RSAKey.generate_key(RSA_BITS).as_pem(private=True)
    else:
        pem = ECKey.generate_key(CURVE).as_pem(private=True)
    return SigningKey(new_ulid(), algorithm, pem.decode(), now)
