"""Identity as clients of the Go server know it: flat objects."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, ConfigDict, Field, JsonValue

from contracts.base import WireShape
from contracts.wire.login import LoggedIn
from contracts.wire.users import Me

MAX_CREDENTIAL = 8_192
"""Characters. No refresh token is near it; an access token that is sent in its place is told so."""
EMAIL = r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63}){1,8}$"
"""What browsers take for an address (HTML, 4.10.5.1.5), with a dot in its domain."""
USERNAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{1,63}$"
PRINTABLE = r"^[^\x00-\x1f\x7f]*$"
EXAMPLE_REFRESH: dict[str, JsonValue] = {"refresh_token": "rt_q7Zt0bHhKk0vE2nYw1mJ5rC8sD3fG6xA9uL4pO-iTzM"}
EXAMPLE_TOKENS: dict[str, JsonValue] = {
    "access_token": "eyJhbGciOiJSUzI1NiIsImtpZCI6Ii4uLiJ9.eyJzdWIiOiIuLi4ifQ.c2lnbmF0dXJl",
    **EXAMPLE_REFRESH,
    "token_type": "Bearer",
    "expires_in": 300,
    "expires_at": "2026-11-22T12:05:00Z",
}

Credential = Annotated[str, Field(min_length=1, max_length=MAX_CREDENTIAL)]


class GuestLogin(WireShape):
    """A new guest, with the tokens to act as them."""

    user_id: str
    username: str
    principal_id: str
    access_token: str
    refresh_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105  a scheme, not a token
    expires_in: int


class TokenPair(LoggedIn):
    """What a session goes on with."""

    model_config = ConfigDict(json_schema_extra={"example": EXAMPLE_TOKENS})

    expires_at: AwareDatetime = Field(description="When the access token ends.")


class RefreshAsk(WireShape):
    """A refresh token; a client whose browser holds it in a cookie leaves it out."""

    model_config = ConfigDict(json_schema_extra={"example": EXAMPLE_REFRESH})

    refresh_token: Credential | None = Field(None, description="As a login or the last refresh gave it")


class RevokeAsk(WireShape):
    """The refresh token whose session shall end."""

    model_config = ConfigDict(json_schema_extra={"example": EXAMPLE_REFRESH})

    refresh_token: Credential


class LoggedOut(WireShape):
    """The session has ended, on every server."""

    status: Literal["logged out"] = "logged out"


class Revoked(WireShape):
    """The refresh token is good for nothing, whether it was before or not (RFC 7009, 2.2)."""

    message: Literal["The refresh token is revoked"] = "The refresh token is revoked"


class Validation(WireShape):
    """The credential of the request is good, and speaks for this user."""

    valid: Literal[True] = True
    user_info: Me


class UpgradeAsk(WireShape):
    """Who a guest wants to be known as."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"email": "ada@example.com", "full_name": "Ada Lovelace"}}
    )

    email: Annotated[str, Field(max_length=320, pattern=EMAIL)] = Field(
        description="An address; it is kept as not verified"
    )
    username: Annotated[str, Field(pattern=USERNAME)] | None = Field(
        None, description="2 to 64 letters, digits or `._-`, kept in lower case; by default one is made"
    )
    full_name: Annotated[str, Field(max_length=256, pattern=PRINTABLE)] | None = Field(
        None, description="A name to show"
    )


class Upgraded(TokenPair):
    """The guest is a registered user now, with the same id, data and keys."""

    model_config = ConfigDict(json_schema_extra={"example": {**EXAMPLE_TOKENS, "status": "upgraded"}})

    status: Literal["upgraded"] = "upgraded"


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
