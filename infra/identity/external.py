"""What tokens of an external issuer say, and the checks that they must pass."""

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from authlib.oauth2.claims import JWTClaims  # type: ignore[import-untyped]
from authlib.oidc.core import CodeIDToken  # type: ignore[import-untyped]
from joserfc.errors import ExpiredTokenError, JoseError
from pydantic import ConfigDict, Field, ValidationError

from contracts.base import Message
from contracts.envelope import AuthMethod, Caller, Role
from contracts.errors import ApiError, ErrorCode
from infra.identity.claims import MAX_LIFETIME
from infra.identity.known import Known, session_name, token_name, user_name
from infra.identity.signature import FindKey, Signing, invalid, parsed, verified
from infra.identity.validator import ACCESS_TOKEN, Policy, Presented
from infra.settings import OidcSettings

ACCESS_TYPES = ("JWT", "at+jwt")
ID_TYPES = ("JWT", None)
OF_ID_TOKENS = ("nonce", "at_hash", "c_hash", "s_hash")
"""Claims that only an ID token has."""

Plain = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$")]
Subject = Annotated[str, Field(max_length=256, pattern=r"^[^\x00-\x1f\x7f]+$")]
Number = int | float
"""NumericDate (RFC 7519) may have a fraction."""


class ExternalClaims(Message):
    """What is used of a token, whichever kind it is."""

    model_config = ConfigDict(strict=True, hide_input_in_errors=True)

    iss: str
    sub: Subject
    iat: Number
    exp: Number
    jti: Plain | None = None
    sid: Plain | None = None
    azp: Plain | None = None
    client_id: Plain | None = None
    email: Annotated[str, Field(max_length=320)] | None = None
    email_verified: Any = False
    """Only `true` counts; some issuers write it as a text."""
    name: Annotated[str, Field(max_length=4_096)] | None = None
    preferred_username: Annotated[str, Field(max_length=4_096)] | None = None


@dataclass(frozen=True)
class Profile:
    """Somebody as the external issuer knows them."""

    issuer: str
    subject: str
    username: str | None = None
    name: str | None = None
    email: str | None = None
    email_verified: bool = False


@dataclass(frozen=True)
class Person:
    """Whom the product knows under that profile."""

    user_id: str
    tenant: str
    roles: tuple[str, ...]
    version: int


REMEMBERED = 60.0
"""Seconds after which the database is asked again who this is, and what they may: their tokens live long."""
FindPerson = Callable[[Profile], Awaitable[Person]]
"""Finds or makes the user. Raises ApiError: invalid_token for one who was deactivated."""


def external_policy(
    settings: OidcSettings, find_key: FindKey, find_person: FindPerson, leeway: int
) -> Policy:
    """The external issuer: its tokens say who, the database says what they may."""

    async def identify(token: Presented) -> Known:
        claims = checked_access(token, settings, leeway)
        person = await find_person(profile_of(claims))
        roles = {*person.roles, *roles_in(token.claims, settings.roles_claim)}
        names = {
            token_name(claims.jti or token.digest.hex()),
            user_name(person.user_id, person.version),
            *([session_name(claims.sid)] if claims.sid else []),
        }
        caller = Caller(
            user_id=person.user_id,
            tenant=person.tenant,
            roles=tuple(sorted(roles)),
            auth_method=AuthMethod.JWT,
        )
        until = min(claims.exp + leeway, token.now + REMEMBERED)
        return Known(caller, until, frozenset(names), claims.sid)

    signing = Signing(ACCESS_TOKEN, ACCESS_TYPES, settings.algorithms, find_key)
    return Policy(settings.issuer or "", signing, identify)


def checked_access(token: Presented, settings: OidcSettings, leeway: int) -> ExternalClaims:
    """The claims of an access token. Raises ApiError with invalid_token."""
    demands = _demands(settings.issuer, settings.audience)
    claims = _checked(
        JWTClaims(token.claims, token.header.model_dump(), demands), ACCESS_TOKEN, token.now, leeway
    )
    if not 0 < claims.exp - claims.iat <= MAX_LIFETIME:
        raise invalid("The access token is refused: its lifetime is out of range")
    if not _is_access_token(token):
        raise invalid("The access token is refused: it is a token for another purpose, such as an ID token")
    return claims


async def checked_id_token(
    tokens: tuple[str, str], nonce: str, settings: OidcSettings, find_key: FindKey, leeway: int
) -> Profile:
    """Who logged in, of an ID token and the access token beside it. Raises ApiError with login_failed."""
    id_token, access_token = tokens
    signing = Signing("ID token", ID_TYPES, settings.algorithms, find_key)
    try:
        raw_header, _ = parsed(id_token.encode(), signing.what)
        header, found = await verified(id_token.encode(), raw_header, signing)
        demands = _demands(settings.issuer, settings.client_id) | {"nonce": {"essential": True}}
        params = {"nonce": nonce, "client_id": settings.client_id, "access_token": access_token}
        judged = CodeIDToken(found, header.model_dump(), demands, params)
        return profile_of(_checked(judged, signing.what, time.time(), leeway))
    except ApiError as error:
        if error.detail.code != ErrorCode.INVALID_TOKEN:
            raise
        raise ApiError(ErrorCode.LOGIN_FAILED, error.detail.message) from error


def profile_of(claims: ExternalClaims) -> Profile:
    """Who the claims speak of; texts that could not be kept are left out."""
    email = claims.email if claims.email and "@" in claims.email and claims.email.isprintable() else None
    return Profile(
        claims.iss,
        claims.sub,
        _shown(claims.preferred_username, 96),
        _shown(claims.name, 256),
        email,
        email is not None and claims.email_verified is True,
    )


def roles_in(claims: Mapping[str, Any], where: str) -> set[str]:
    """The product's roles that a claim lists; `a.b` is the claim of that name, or `b` inside of `a`."""
    found: Any = claims.get(where)  # any JSON
    if found is None:
        found = claims
        for part in where.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
    listed = found if isinstance(found, list) else []
    return {role.value for role in Role if role.value in listed}


def _checked(claims: Any, what: str, now: float, leeway: int) -> ExternalClaims:  # authlib has no types
    try:
        claims.validate(now=int(now), leeway=leeway)
        return ExternalClaims.model_validate(dict(claims))
    except ExpiredTokenError as error:
        raise invalid(f"The {what} has expired") from error
    except JoseError as error:
        raise invalid(f"The {what} is refused: {error.description}") from error
    except ValidationError as error:
        field = error.errors(include_input=False, include_url=False)[0]["loc"][0]
        raise invalid(f"The {what} is refused: its claim {field} has a wrong shape") from error
    except (TypeError, ValueError, OverflowError) as error:  # authlib, of claims of any shape
        raise invalid(f"The {what} is refused: a claim has a wrong shape") from error


def _demands(issuer: str | None, audience: str) -> dict[str, dict[str, object]]:
    demands: dict[str, dict[str, object]] = {name: {"essential": True} for name in ("sub", "iat", "exp")}
    return demands | {
        "iss": {"essential": True, "value": issuer},
        "aud": {"essential": True, "value": audience},
    }


def _is_access_token(token: Presented) -> bool:
    """Whether it says of itself what it is: by its header (RFC 9068), by Keycloak's claim `typ`, or else by a
    scope. A token that is bound to a key (`cnf`) is no bearer's."""
    claims = token.claims
    if "cnf" in claims:
        return False
    if "typ" in claims:
        return bool(claims["typ"] == "Bearer")
    if any(name in claims for name in OF_ID_TOKENS):
        return False
    return token.header.typ == "at+jwt" or "scope" in claims or "scp" in claims


def _shown(text: str | None, limit: int) -> str | None:
    """A text for people, without what could not be shown."""
    if text is None:
        return None
    kept = "".join(letter for letter in text if letter.isprintable()).strip()
    return kept[:limit] or None
