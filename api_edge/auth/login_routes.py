"""The routes of a login through the external issuer."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response

from api_edge.auth.bearer import Credentials
from api_edge.auth.login import CALLBACK, LOGIN_SECONDS, Ended, Login, failed
from api_edge.errors import error_body, error_headers
from contracts.envelope import Role
from contracts.errors import ApiError, ErrorCode, ErrorDetail
from contracts.wire.errors import ErrorAnswer
from contracts.wire.login import LoggedIn, LoginBegun

COOKIE = "jan_login"
NO_STORE = "no-store"
MAX_PARAMETER = 4_096

Answers = dict[int | str, dict[str, Any]]  # FastAPI's own type
BEGIN: Answers = {
    302: {"description": "To the issuer's page, for a browser that asks for text/html"},
    400: {"model": ErrorAnswer, "description": "The redirect_url is not allowed"},
    401: {"model": ErrorAnswer, "description": "A token was sent, and is not good"},
    404: {"model": ErrorAnswer, "description": "There is no external issuer here"},
    503: {"model": ErrorAnswer, "description": "The issuer does not answer"},
}
END: Answers = {
    302: {"description": "To the redirect_url, with the tokens in its fragment"},
    400: {"model": ErrorAnswer, "description": "The login failed; nothing was stored"},
    404: {"model": ErrorAnswer, "description": "There is no external issuer here"},
    503: {"model": ErrorAnswer, "description": "The issuer or the database does not answer"},
}
Redirect = Annotated[
    str | None,
    Query(
        description="Where the browser ends up, with the tokens in the fragment: an allowed address.",
        max_length=MAX_PARAMETER,
    ),
]
Told = Annotated[str | None, Query(max_length=MAX_PARAMETER, description="As the issuer sends it")]


def login_router(login: Login | None, credentials: Credentials) -> APIRouter:
    """The beginning and the end of a login; without an external issuer they say so."""
    router = APIRouter(tags=["auth"])

    @router.get("/auth/login", responses=BEGIN, response_model=LoginBegun)
    async def begin_login(request: Request, redirect_url: Redirect = None) -> Response:
        """Begin a login through the external issuer: a browser is sent there, anybody else is told where.

        A guest who sends their token along becomes a registered user and keeps their id.
        """
        begun, cookie = await _open(login).begin(redirect_url, await _guest(request, credentials))
        answer: Response = JSONResponse(begun.model_dump())
        if "text/html" in request.headers.get("accept", ""):
            answer = RedirectResponse(begun.authorization_url, 302)
        _set_cookie(answer, _open(login), cookie)
        return answer

    @router.get(CALLBACK, responses=END, response_model=LoggedIn)
    async def end_login(
        request: Request,
        code: Told = None,  # noqa: ARG001  for the document: the query is read as a whole
        state: Told = None,  # noqa: ARG001
        iss: Told = None,  # noqa: ARG001
        error: Told = None,  # noqa: ARG001
        error_description: Told = None,  # noqa: ARG001
    ) -> Response:
        """End a login: the issuer sends the browser here with a code."""
        opened = _open(login)
        try:
            answer = _answer(await opened.end(_query(request), request.cookies.get(COOKIE)))
        except ApiError as refusal:
            answer = _refused(request, refusal.detail)
        _set_cookie(answer, opened, None)
        return answer

    return router


def _open(login: Login | None) -> Login:
    if login is None:
        message = "There is no external login here: the operator has set no JAN_OIDC_ISSUER"
        raise ApiError(ErrorCode.NOT_FOUND, message)
    return login


async def _guest(request: Request, credentials: Credentials) -> str | None:
    """The guest who logs in, where a guest's token came along."""
    if "authorization" not in request.headers:
        return None
    caller = (await credentials.authenticate(request.headers.raw)).caller
    return caller.user_id if Role.GUEST in caller.roles else None


def _query(request: Request) -> dict[str, str]:
    pairs = request.query_params.multi_items()
    if len({name for name, _ in pairs}) != len(pairs):
        raise failed("The login issuer's answer names a parameter twice")
    return dict(pairs)


def _answer(ended: Ended) -> Response:
    location = ended.location()
    if location is None:
        return JSONResponse(ended.session.model_dump())
    return RedirectResponse(location, 302)


def _refused(request: Request, detail: ErrorDetail) -> Response:
    answer = Response(error_body(detail, request.scope["state"].get("request_id")), detail.status)
    answer.raw_headers = [*error_headers(detail), *answer.raw_headers]
    return answer


def _set_cookie(answer: Response, login: Login, value: str | None) -> None:
    """Keep the begun login in the browser; None: forget it. Lax, as the issuer leads back by a link."""
    answer.headers["Cache-Control"] = NO_STORE
    answer.set_cookie(
        COOKIE,
        value or "",
        max_age=LOGIN_SECONDS if value else 0,
        path=CALLBACK,
        secure=login.is_secure,
        httponly=True,
        samesite="lax",
    )
