"""The routes by which a caller learns who they are, and a guest becomes somebody."""

from typing import Any

from fastapi import APIRouter, Request, Response

from api_edge.auth.accounts import Accounts
from api_edge.auth.profile import Profiles
from api_edge.middleware.identity import SignedIn
from contracts.wire.auth import UpgradeAsk, Upgraded, Validation
from contracts.wire.errors import ErrorAnswer
from contracts.wire.users import Me

Answers = dict[int | str, dict[str, Any]]  # FastAPI's own type
TAKEN: Answers = {409: {"model": ErrorAnswer, "description": "The user is no guest, or the name is taken"}}
DOWN: Answers = {503: {"model": ErrorAnswer, "description": "The database does not answer"}}


def profile_router(accounts: Accounts, profiles: Profiles) -> APIRouter:
    """Who asks."""
    router = APIRouter(tags=["auth"])

    @router.get("/auth/me", summary="Who asks", responses=DOWN)
    async def read_me(caller: SignedIn) -> Me:
        """The user that the request's credential speaks for."""
        return await profiles.me(caller)

    @router.post("/auth/validate", summary="Check a credential", responses=DOWN)
    async def validate(caller: SignedIn) -> Validation:
        """That the request's own access token or API key is good, and whose it is. A bad one is a 401."""
        return Validation(user_info=await profiles.me(caller))

    @router.post("/auth/upgrade", summary="Register a guest", responses={**TAKEN, **DOWN})
    async def upgrade(caller: SignedIn, body: UpgradeAsk, request: Request, response: Response) -> Upgraded:
        """Make the guest who asks a registered user, with the same id, data and keys, and new tokens. The
        session goes on: tokens from before stay good, and a refresh gives the new role as well."""
        response.headers["Cache-Control"] = "no-store"  # RFC 6749, 5.1
        return await accounts.upgrade(caller.user_id, request.scope["state"]["session_id"], body)

    return router
