"""Identity as clients of the Go server know it: flat objects."""

from typing import Literal

from contracts.base import WireShape


class GuestLogin(WireShape):
    """A new guest, with the tokens to act as them."""

    user_id: str
    username: str
    principal_id: str
    access_token: str
    refresh_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105  a scheme, not a token
    expires_in: int


class JsonWebKeySet(WireShape):
    """The embedded issuer's public keys (RFC 7517)."""

    keys: list[dict[str, str]]


class OpenIdConfiguration(WireShape):
    """The embedded issuer's discovery document (OpenID Connect Discovery 1.0)."""

    issuer: str
    jwks_uri: str
    id_token_signing_alg_values_supported: list[str]
    response_types_supported: list[str]
    subject_types_supported: list[str]
