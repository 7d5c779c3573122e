"""The routes of sessions: refresh, logout, revoke."""

from typing import Any

from fastapi import APIRouter, Request, Response

from api_edge.auth.bearer import Credentials
from api_edge.auth.sessions import Sessions, is_access_token
from api_edge.auth.sessions_cookie import RefreshCookie, clear_cookie, set_cookie
from contracts.errors import ApiError, ErrorCode
from contracts.wire.auth import LoggedOut, RefreshAsk, RevokeAsk, Revoked, TokenPair
from contracts.wire.errors import ErrorAnswer
from infra.identity.known import Known

NO_STORE = "no-store"  # RFC 6749, 5.1
CREDENTIALS = ("authorization", "x-api-key")

Answers = dict[int | str, dict[str, Any]]  # FastAPI's own type
MISSING: Answers = {400: {"model": ErrorAnswer, "description": "There is no refresh token"}}
REFUSED: Answers = {401: {"model": ErrorAnswer, "description": "The token is not good; the error says why"}}
DOWN: Answers = {503: {"model": ErrorAnswer, "description": "The database does not answer; nothing was done"}}


def session_router(sessions: Sessions, credentials: Credentials) -> APIRouter:
    """What becomes of a session after its login."""
    router = APIRouter(tags=["auth"])

    @router.post("/auth/refresh-token", summary="Refresh a session", responses={**MISSING, **REFUSED, **DOWN})
    async def refresh_token(
        response: Response, body: RefreshAsk | None = None, cookie: RefreshCookie = None
    ) -> TokenPair:
        """The next pair of tokens. Each refresh token is good for one use: a second one ends the session on
        every server. The token in the body counts before that in the cookie; a new cookie is set where one
        came."""
        minted = await sessions.refresh(_needed(_token(body, cookie)))
        if cookie is not None:
            settings = sessions.accounts.settings
            set_cookie(response, minted.refresh_token, settings.refresh_ttl, is_secure=_is_secure(sessions))
        response.headers["Cache-Control"] = NO_STORE
        return minted.pair()

    @router.get("/auth/logout", summary="Log out", responses={**REFUSED, **DOWN})
    async def log_out(request: Request, response: Response, cookie: RefreshCookie = None) -> LoggedOut:
        """End the session of the access token, or of the refresh token in the cookie: on every server, within
        a second. Where nothing is sent, there is nothing to end."""
        await _end(sessions, credentials, request, cookie)
        return _logged_out(response, sessions)

    @router.post("/auth/logout", summary="Log out", responses={**REFUSED, **DOWN})
    async def log_out_by_token(
        request: Request, response: Response, body: RefreshAsk | None = None, cookie: RefreshCookie = None
    ) -> LoggedOut:
        """The same, where the refresh token may also be in the body."""
        await _end(sessions, credentials, request, _token(body, cookie))
        return _logged_out(response, sessions)

    @router.post("/auth/revoke", summary="Revoke a refresh token", responses={**MISSING, **DOWN})
    async def revoke_token(body: RevokeAsk) -> Revoked:
        """End the session of a refresh token: its family is revoked, its access tokens are denied. A token
        that is not known is as good as revoked (RFC 7009)."""
        await sessions.end_by(_no_access_token(body.refresh_token))
        return Revoked()

    return router


def _token(body: RefreshAsk | None, cookie: str | None) -> str | None:
    return (body and body.refresh_token) or cookie


def _needed(token: str | None) -> str:
    if token is None:
        message = "refresh_token is required, in the body or as a cookie"
        raise ApiError(ErrorCode.MISSING_PARAMETER, message, param="refresh_token")
    return token


def _no_access_token(token: str) -> str:
    if is_access_token(token):
        message = "This is an access token; /auth/logout ends its session"
        raise ApiError(ErrorCode.INVALID_VALUE, message, param="refresh_token")
    return token


async def _end(sessions: Sessions, credentials: Credentials, request: Request, token: str | None) -> None:
    """End the sessions that a request names, by its refresh token and by its access token."""
    if token is not None:
        await sessions.end_by(token)
    known = await _known(request, credentials, is_needed=token is None)
    if known is not None:
        await sessions.end_of(known)


def _logged_out(response: Response, sessions: Sessions) -> LoggedOut:
    """Told in the end, as what could not be ended is an error."""
    clear_cookie(response, is_secure=_is_secure(sessions))
    response.headers["Cache-Control"] = NO_STORE
    return LoggedOut()


async def _known(request: Request, credentials: Credentials, *, is_needed: bool) -> Known | None:
    """Whom the request's credential speaks for. A refused one is told, where nothing else said what to end:
    its session may live on by its refresh token."""
    if not any(name in request.headers for name in CREDENTIALS):
        return None
    try:
        return await credentials.authenticate(request.headers.raw)
    except ApiError as error:
        if is_needed or error.detail.status != 401:  # noqa: PLR2004  refused, as opposed to not known now
            raise
        return None


def _is_secure(sessions: Sessions) -> bool:
    return sessions.accounts.settings.issuer.startswith("https:")
