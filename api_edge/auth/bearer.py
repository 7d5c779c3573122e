"""Who a request speaks for, told by its credentials and by nothing else: no identity header is ever read."""

from collections.abc import Iterable
from typing import Protocol

from contracts.errors import ApiError, ErrorCode
from infra.identity.known import Known

Headers = Iterable[tuple[bytes, bytes]]
"""As in an ASGI scope: names in lower case."""
KEY_PREFIX = b"sk_"
"""By which a bearer's API key is told from an access token."""


class TokenVerifier(Protocol):
    """Verifies access tokens."""

    async def validate(self, token: bytes) -> Known:
        """Whom one speaks for. Raises ApiError with a 401."""


class KeyVerifier(Protocol):
    """Verifies API keys."""

    async def validate(self, credential: bytes, *, is_suspect: bool = False) -> Known:
        """Whom one speaks for; a suspect's only if it is known already. Raises ApiError with a 401."""


class Credentials:
    """The caller of a request, by an access token or by an API key, each in the header of its choice."""

    def __init__(self, tokens: TokenVerifier, keys: KeyVerifier) -> None:
        self._tokens = tokens
        self._keys = keys

    async def authenticate(self, headers: Headers, *, is_suspect: bool = False) -> Known:
        """Whom a request speaks for. `is_suspect`: its address was refused too often.

        Raises ApiError with a 401: missing_credentials, invalid_token, invalid_api_key, or
        ambiguous_credentials where two credentials name different users.
        """
        bearer, key = _given(headers)
        if bearer is None and key is None:
            message = (
                "Send an access token or an API key as Authorization: Bearer <it>, or a key as X-API-Key"
            )
            raise ApiError(ErrorCode.MISSING_CREDENTIALS, message)
        if bearer is None or bearer == key:
            return await self._keys.validate(key or b"", is_suspect=is_suspect)
        if bearer.startswith(KEY_PREFIX):
            known = await self._keys.validate(bearer, is_suspect=is_suspect)
        else:
            known = await self._tokens.validate(bearer)
        other = known if key is None else await self._keys.validate(key, is_suspect=is_suspect)
        if other.caller.user_id != known.caller.user_id:
            raise _ambiguous("The Authorization header and X-API-Key speak for different users; send one")
        return known


def _given(headers: Headers) -> tuple[bytes | None, bytes | None]:
    """The bearer credential and the API key, as far as they are given."""
    bearers, keys = [], []
    for name, value in headers:
        if name == b"authorization":
            bearers.append(value)
        elif name == b"x-api-key":
            keys.append(value)
    if len(bearers) > 1:
        raise _ambiguous("Send one Authorization header, not several")
    if len(keys) > 1:
        raise _ambiguous("Send one X-API-Key header, not several")
    return _bearer(bearers[0]) if bearers else None, keys[0].strip() if keys else None


def _bearer(value: bytes) -> bytes:
    scheme, _, credential = value.strip().partition(b" ")
    if scheme.lower() != b"bearer" or not credential:
        raise ApiError(ErrorCode.MISSING_CREDENTIALS, "The Authorization header must be Bearer <token>")
    return credential.strip()


def _ambiguous(message: str) -> ApiError:
    return ApiError(ErrorCode.AMBIGUOUS_CREDENTIALS, message)
