"""The cookie in which a browser may keep its refresh token, out of the reach of scripts.

Only who came with the cookie gets the next token in it. It is set for identity's paths and for their alias,
always for both: a used token left behind under the other path would look like a theft.
"""

from typing import Annotated

from fastapi import Cookie, Response

from contracts.wire.auth import MAX_CREDENTIAL

NAME = "refresh_token"
PATHS = ("/auth", "/llm/auth")

RefreshCookie = Annotated[
    str | None,
    Cookie(alias=NAME, max_length=MAX_CREDENTIAL, description="The refresh token, where the body has none"),
]
"""A route's parameter."""


def set_cookie(answer: Response, refresh_token: str, seconds: int, *, is_secure: bool) -> None:
    """Let the browser keep a refresh token. Lax: it comes with no POST that another site makes."""
    for path in PATHS:
        answer.set_cookie(
            NAME,
            refresh_token,
            max_age=seconds,
            path=path,
            secure=is_secure,
            httponly=True,
            samesite="lax",
        )


def clear_cookie(answer: Response, *, is_secure: bool) -> None:
    """Let the browser forget it."""
    set_cookie(answer, "", 0, is_secure=is_secure)
