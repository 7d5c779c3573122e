"""Who a request speaks for, told by its credentials and by nothing else: no identity header is ever read."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api_edge.auth.accounts import Accounts
from contracts.envelope import Caller
from contracts.errors import ApiError, ErrorCode

Headers = Iterable[tuple[bytes, bytes]]
"""As in an ASGI scope: names in lower case."""
CallerDependency = Callable[..., Awaitable[Caller]]

DOCUMENTED = HTTPBearer(auto_error=False, scheme_name="bearer", description="An access token")
"""For OpenAPI only, where it puts the lock on a route; `authenticate` decides."""


async def authenticate(headers: Headers, accounts: Accounts) -> Caller:
    """The caller of a request. Raises ApiError: missing_credentials or invalid_token."""
    return await accounts.validator.validate(_bearer_token(headers))


def caller_dependency(accounts: Accounts) -> CallerDependency:
    """The same for a FastAPI route: `Annotated[Caller, Depends(caller_dependency(accounts))]`."""

    async def caller(
        request: Request, _documented: Annotated[HTTPAuthorizationCredentials | None, Depends(DOCUMENTED)]
    ) -> Caller:
        return await authenticate(request.headers.raw, accounts)

    return caller


def _bearer_token(headers: Headers) -> bytes:
    given = [value for name, value in headers if name == b"authorization"]
    if not given:
        raise ApiError(ErrorCode.MISSING_CREDENTIALS, "Send an access token as Authorization: Bearer <token>")
    if len(given) > 1:
        raise ApiError(ErrorCode.INVALID_TOKEN, "Send one Authorization header, not several")
    scheme, _, token = given[0].strip().partition(b" ")
    if scheme.lower() != b"bearer" or not token:
        raise ApiError(ErrorCode.MISSING_CREDENTIALS, "The Authorization header must be Bearer <token>")
    return token.strip()
