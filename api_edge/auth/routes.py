"""The routes of identity: each path once, the aliases are the app's."""

from typing import Any

from fastapi import APIRouter, Response

from api_edge.auth.accounts import Accounts
from api_edge.auth.key_routes import key_router
from api_edge.auth.login_routes import login_router
from api_edge.auth.parts import IdentityParts
from api_edge.auth.profile_routes import profile_router
from api_edge.auth.sessions import Sessions
from api_edge.auth.sessions_routes import session_router
from contracts.wire.auth import GuestLogin, JsonWebKeySet, OpenIdConfiguration
from contracts.wire.errors import ErrorAnswer
from infra.identity.issuer import DISCOVERY_PATH, JWKS_PATH

PUBLIC_CACHE = "public, max-age=60"
"""Shorter than a key's overlap, so that a cached set always verifies what is signed now."""
UNAVAILABLE: dict[int | str, dict[str, Any]] = {  # FastAPI's own type
    503: {"model": ErrorAnswer, "description": "The database does not answer"}
}


def identity_routers(identity: IdentityParts) -> list[APIRouter]:
    """All routes of identity."""
    return [
        auth_router(identity.accounts),
        session_router(Sessions(identity.accounts), identity.credentials),
        profile_router(identity.accounts, identity.profiles),
        login_router(identity.login, identity.credentials),
        key_router(identity.keys),
    ]


def auth_router(accounts: Accounts) -> APIRouter:
    """Guest login, and the embedded issuer's public documents."""
    router = APIRouter(tags=["auth"])

    @router.post("/auth/guest-login", status_code=201, responses=UNAVAILABLE)
    async def guest_login(response: Response) -> GuestLogin:
        """Make a guest, and the tokens to act as them. A request body is ignored."""
        response.headers["Cache-Control"] = "no-store"  # RFC 6749, 5.1
        return await accounts.guest_login()

    @router.get(JWKS_PATH)
    async def json_web_key_set(response: Response) -> JsonWebKeySet:
        """The public keys that verify this issuer's access tokens."""
        response.headers["Cache-Control"] = PUBLIC_CACHE
        return await accounts.issuer.key_set()

    @router.get(DISCOVERY_PATH)
    async def openid_configuration(response: Response) -> OpenIdConfiguration:
        """The issuer's discovery document."""
        response.headers["Cache-Control"] = PUBLIC_CACHE
        return await accounts.issuer.discovery()

    return router
