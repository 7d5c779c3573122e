"""Signed tokens: parsed without trust, then verified with a key that was found by its exact name (RFC 8725).

What a token says about its own verification is never followed: its header may hold three fields, and the key,
not the token, tells the algorithms.
"""

import base64
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Annotated, Any

from joserfc import jwt
from joserfc.errors import BadSignatureError, JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey
from pydantic import ConfigDict, Field

from contracts.base import Message
from contracts.errors import ApiError, ErrorCode
from infra.settings import KIB

MAX_TOKEN = 8 * KIB
"""Bytes. Larger is refused before anything is decoded."""
COMPACT = re.compile(rb"([A-Za-z0-9_-]{1,1024})\.([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]+")
"""A signed token has three parts; one with five would be an encrypted one, which nobody issues here."""


def invalid(reason: str) -> ApiError:
    """The refusal of a token, with the true reason in one sentence."""
    return ApiError(ErrorCode.INVALID_TOKEN, reason)


class TokenHeader(Message):
    """All that a header may hold. `jku`, `x5u`, `jwk` or `crit` would be another's idea of trust."""

    model_config = ConfigDict(strict=True, extra="forbid", hide_input_in_errors=True)

    alg: str
    kid: Annotated[str, Field(min_length=1, max_length=128)]
    typ: str | None = None


@dataclass(frozen=True)
class VerifyingKey:
    """A public key, and the algorithms whose signatures it verifies."""

    jwk: RSAKey | ECKey | OKPKey = field(repr=False)
    algorithms: frozenset[str]


FindKey = Callable[[str], Awaitable[VerifyingKey | None]]
"""The key of this name. Raises ApiError where it cannot be known now."""


@dataclass(frozen=True)
class Signing:
    """How one issuer signs one kind of token."""

    what: str
    """The kind's name, for who is refused."""
    types: tuple[str | None, ...]
    """What the header's `typ` may be; None for none."""
    algorithms: tuple[str, ...]
    find: FindKey

    def rule(self) -> str:
        """What a header must hold, in one sentence."""
        types = " or ".join(kind or "none" for kind in self.types)
        algorithms = ", ".join(self.algorithms)
        return f"The {self.what}'s header must hold alg ({algorithms}), kid, typ ({types}), no more"


def parsed(token: bytes, what: str) -> tuple[bytes, dict[str, Any]]:
    """The raw header, and the claims: any JSON object, by anybody. Raises ApiError with invalid_token."""
    if len(token) > MAX_TOKEN:
        raise invalid(f"The {what} is refused: it is too large")
    compact = COMPACT.fullmatch(token)
    if compact is None:
        raise invalid(f"The {what} is not a signed JSON Web Token")
    try:
        claims = json.loads(_decoded(compact[2]), cls=_PlainJson)
    except (ValueError, RecursionError) as error:  # the latter by deeply nested claims
        raise invalid(f"The {what} cannot be decoded") from error
    if not isinstance(claims, dict):
        raise invalid(f"The {what} cannot be decoded")
    return compact[1], claims


async def verified(token: bytes, raw_header: bytes, signing: Signing) -> tuple[TokenHeader, dict[str, Any]]:
    """The header and the claims, once their signature is known to be the issuer's. Raises ApiError."""
    header = _header(raw_header, signing)
    key = await signing.find(header.kid)
    if key is None:
        raise invalid(f"The {signing.what} is signed with a key that is not known here")
    if header.alg not in key.algorithms:
        raise invalid(f"The {signing.what}'s algorithm is not that of its key")
    return header, _signed_claims(token, header, key, signing.what)


def _header(raw: bytes, signing: Signing) -> TokenHeader:
    try:
        header = TokenHeader.model_validate_json(_decoded(raw))
    except ValueError as error:  # not base64, not JSON, or not these fields
        raise invalid(signing.rule()) from error
    if header.alg not in signing.algorithms or header.typ not in signing.types:
        raise invalid(signing.rule())
    return header


def _signed_claims(token: bytes, header: TokenHeader, key: VerifyingKey, what: str) -> dict[str, Any]:
    try:
        return jwt.decode(token, key.jwk, algorithms=[header.alg], decoder_cls=_PlainJson).claims
    except BadSignatureError as error:
        raise invalid(f"The {what}'s signature does not match") from error
    except (JoseError, ValueError, RecursionError) as error:
        raise invalid(f"The {what} cannot be decoded") from error


def _decoded(part: bytes) -> bytes:
    return base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4))


class _PlainJson(json.JSONDecoder):
    """JSON without its ambiguities: no name twice, no NaN, no Infinity."""

    def __init__(self) -> None:
        super().__init__(object_pairs_hook=_unique, parse_constant=_no_constant)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")
