"""The routes of users' roles, and of whether they may act at all, for admins."""

from typing import Annotated

from fastapi import APIRouter, Path

from api_edge.admin.acting import Acting
from api_edge.admin.users import AdminUsers
from api_edge.admin.users_routes import UNKNOWN, Answers, UserId
from contracts.errors import ErrorCode
from contracts.wire.admin_users import AdminUser, GivenRole
from contracts.wire.errors import ErrorAnswer

LAST: Answers = {409: {"model": ErrorAnswer, "description": "The user is the last active admin"}}
CONFLICT = {"x-codes": [ErrorCode.CONFLICT]}
PathRole = Annotated[
    GivenRole, Path(description="user or admin; guest is no role to give or take", examples=["admin"])
]


def admin_standing_router(users: AdminUsers) -> APIRouter:
    """What is given and taken of a user's standing."""
    router = APIRouter(prefix="/v1/admin/users/{user_id}", tags=["admin"])

    @router.post("/roles/{role}", summary="Give a role", responses=UNKNOWN)
    async def give_role(by: Acting, user_id: UserId, role: PathRole) -> AdminUser:
        """In effect with the user's next token: after a refresh, or a new login. To give what the user has
        changes nothing."""
        return await users.grant(user_id, role, by)

    @router.delete(
        "/roles/{role}",
        summary="Take a role",
        responses={**UNKNOWN, **LAST},
        openapi_extra=CONFLICT,
    )
    async def take_role(by: Acting, user_id: UserId, role: PathRole) -> AdminUser:
        """Tokens that hold it are refused on every server within a second; sessions go on without it, after a
        refresh. The last active admin stays one."""
        return await users.withdraw(user_id, role, by)

    @router.post(
        "/deactivate",
        summary="Deactivate a user",
        responses={**UNKNOWN, **LAST},
        openapi_extra=CONFLICT,
    )
    async def deactivate_user(by: Acting, user_id: UserId) -> AdminUser:
        """The user can do nothing any more: tokens, keys and refreshes are refused on every server within a
        second. What the user has is kept. The last active admin can't be deactivated."""
        return await users.deactivate(user_id, by)

    @router.post("/activate", summary="Activate a user again", responses=UNKNOWN)
    async def activate_user(by: Acting, user_id: UserId) -> AdminUser:
        """API keys are good again within a few seconds, and sessions go on with a refresh."""
        return await users.activate(user_id, by)

    return router
