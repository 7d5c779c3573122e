"""Every request has a caller, unless its route is on the list of those that need none.

A route that nobody thought of is closed, not open.
"""

from typing import Annotated, Protocol

from fastapi import Depends, Request
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer
from starlette.types import ASGIApp, Receive, Scope, Send

from contracts.envelope import Caller, Role
from contracts.errors import ApiError, ErrorCode
from infra.identity.known import Known


class Authenticate(Protocol):
    """Finds who asks."""

    async def __call__(self, headers: list[tuple[bytes, bytes]], *, is_suspect: bool) -> Known:
        """Who, from the headers of an ASGI scope; of an address that was refused too often, only by what is
        known already. Raises ApiError with a 401."""


PUBLIC = frozenset(
    {
        "/healthz",
        "/readyz",
        "/metrics",
        "/v1/version",
        "/openapi.json",
        "/auth/guest-login",
        "/auth/refresh-token",
        "/auth/login",
        "/auth/callback",
        "/auth/logout",
        "/auth/revoke",
    }
)
PUBLIC_FOLDERS = ("/.well-known/", "/api/swagger/", "/v1/public/")
GUARDED = ("/v1/", "/auth/")
"""All that the product answers lies below these or is public; what does not exist elsewhere is a 404."""
ADMIN = "/v1/admin/"

_BEARER = HTTPBearer(
    auto_error=False, scheme_name="bearer", description="An access token, or an API key `sk_live_...`"
)
_API_KEY = APIKeyHeader(
    name="X-API-Key", auto_error=False, scheme_name="api_key", description="An API key `sk_live_...`"
)


def is_public(path: str) -> bool:
    """Whether a canonical path needs no caller."""
    return path in PUBLIC or path.startswith(PUBLIC_FOLDERS) or not path.startswith(GUARDED)


class Identity:
    """Lets a guarded request in only with a caller, who is then `scope["state"]["caller"]`."""

    def __init__(self, app: ASGIApp, authenticate: Authenticate) -> None:
        self._app = app
        self._authenticate = authenticate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. Raises ApiError: 401, or 403 on an admin route for who is none."""
        if scope["type"] == "http" and not is_public(scope["path"]):
            is_suspect = scope["state"].get("is_suspect", False)
            known = await self._authenticate(scope["headers"], is_suspect=is_suspect)
            scope["state"]["caller"] = known.caller
            scope["state"]["session_id"] = known.session_id
            if scope["path"].startswith(ADMIN) and Role.ADMIN not in known.caller.roles:
                raise ApiError(ErrorCode.PERMISSION_DENIED, "This needs the role admin")
        await self._app(scope, receive, send)


def caller_of(scope: Scope) -> Caller:
    """The caller of a guarded request."""
    caller: Caller = scope["state"]["caller"]
    return caller


async def signed_in(
    request: Request,
    _bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)],
    _api_key: Annotated[str | None, Depends(_API_KEY)],
) -> Caller:
    """The caller, for a FastAPI route; the schemes are for OpenAPI, where they put the lock on it."""
    return caller_of(request.scope)


SignedIn = Annotated[Caller, Depends(signed_in)]
"""A route's parameter."""
