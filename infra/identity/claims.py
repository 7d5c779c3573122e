"""What an access token says (RFC 9068), and the checks that its claims must pass (RFC 8725)."""

from typing import Annotated, Any

from authlib.oauth2.rfc9068.claims import JWTAccessTokenClaims  # type: ignore[import-untyped]
from joserfc.errors import ExpiredTokenError, JoseError
from pydantic import ConfigDict, Field, ValidationError

from contracts.base import Message
from infra.identity.signature import invalid
from infra.settings import IdentitySettings

TOKEN_TYPE = "at+jwt"  # noqa: S105  the media type of an access token
CLIENT_ID = "jan"
"""Guests log in through the product itself, which is the only client until others are registered."""
MAX_LIFETIME = 86_400
"""Seconds from `iat` to `exp`. A token that never ends is refused even with a good signature."""
MAX_ROLES = 32

Name = Annotated[str, Field(min_length=1, max_length=128)]


class AccessClaims(Message):
    """The claims of an access token."""

    model_config = ConfigDict(strict=True, hide_input_in_errors=True)

    iss: str
    aud: str | list[str]
    client_id: Name
    sub: Name
    sid: Name
    """The session: the refresh family that the token belongs to, by which a logout denies it."""
    jti: Name
    iat: int
    nbf: int
    exp: int
    tenant: Name
    username: Name
    ver: Annotated[int, Field(ge=1)] = 1
    """The version of the user, by which all tokens are denied that were made before the user changed."""
    roles: Annotated[list[Name], Field(max_length=MAX_ROLES)]


def checked(
    claims: dict[str, Any],  # any JSON object, until this function has passed it
    header: dict[str, Any],
    settings: IdentitySettings,
    now: float,
) -> AccessClaims:
    """The claims, once they are known to be of the right issuer, audience, time and shape."""
    registered = JWTAccessTokenClaims(claims, header, _demands(settings))
    try:
        registered.validate(now=int(now), leeway=settings.leeway)
        access = AccessClaims.model_validate(claims)
    except ExpiredTokenError as error:
        raise invalid("The access token has expired") from error
    except JoseError as error:
        raise invalid(f"The access token is refused: {error.description}") from error
    except ValidationError as error:
        raise invalid(
            f"The access token is refused: its claim {_first_field(error)} has a wrong shape"
        ) from error
    if not 0 < access.exp - access.iat <= MAX_LIFETIME:
        raise invalid("The access token is refused: its lifetime is out of range")
    return access


def _demands(settings: IdentitySettings) -> dict[str, dict[str, object]]:
    needed = ("exp", "iat", "nbf", "sub", "jti", "client_id")
    demands: dict[str, dict[str, object]] = {name: {"essential": True} for name in needed}
    demands["iss"] = {"essential": True, "value": settings.issuer}
    demands["aud"] = {"essential": True, "value": settings.audience}
    return demands


def _first_field(error: ValidationError) -> str:
    return str(error.errors(include_input=False, include_url=False)[0]["loc"][0])
