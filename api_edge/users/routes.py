"""GET /v1/users/me, and GET and PATCH /v1/users/me/settings."""

from typing import Any

from fastapi import APIRouter

from api_edge.auth.profile import Profiles
from api_edge.middleware.identity import SignedIn
from contracts.wire.errors import ErrorAnswer
from contracts.wire.users import Me, SettingsPatch, UserSettings

Answers = dict[int | str, dict[str, Any]]  # FastAPI's own type
DOWN: Answers = {503: {"model": ErrorAnswer, "description": "The database does not answer"}}
TOO_LARGE: Answers = {413: {"model": ErrorAnswer, "description": "The settings would pass 64 KiB"}}


def users_router(profiles: Profiles) -> APIRouter:
    """What a user sees of themselves."""
    router = APIRouter(prefix="/v1/users/me", tags=["users"])

    @router.get("", summary="Who asks", responses=DOWN)
    async def read_user(caller: SignedIn) -> Me:
        """The same as /auth/me."""
        return await profiles.me(caller)

    @router.get("/settings", summary="Read the preferences", responses=DOWN)
    async def read_settings(caller: SignedIn) -> UserSettings:
        """What the user keeps here: any JSON object, empty at first."""
        return UserSettings(await profiles.settings(caller))

    @router.patch("/settings", summary="Change the preferences", responses={**TOO_LARGE, **DOWN})
    async def change_settings(caller: SignedIn, body: SettingsPatch) -> UserSettings:
        """Merge into them (RFC 7396): what is left out stays, objects are merged deeply, null removes. They
        may hold 64 KiB of JSON, nested 32 levels deep. The answer is the whole."""
        return UserSettings(await profiles.change_settings(caller, body.root))

    return router
