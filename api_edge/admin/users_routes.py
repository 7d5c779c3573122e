"""The routes of users, for admins."""

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request

from api_edge.admin.acting import Acting
from api_edge.admin.users import AdminUsers, UnknownUser, UserQuery
from api_edge.middleware.identity import SignedIn
from api_edge.middleware.paging import Paging
from contracts.envelope import Role
from contracts.errors import ApiError, ErrorCode
from contracts.ids import is_ulid
from contracts.wire.admin_users import AdminUser, UserPatch, UserUsage
from contracts.wire.auth import PRINTABLE
from contracts.wire.errors import ErrorAnswer
from contracts.wire.jobs import Enveloped, Meta
from contracts.wire.lists import Page

MAX_DAYS = 366
USUAL_DAYS = 30
Answers = dict[int | str, dict[str, Any]]  # FastAPI's own type
UNKNOWN: Answers = {404: {"model": ErrorAnswer, "description": "There is no such user"}}
A_DAY = "A day as 2026-11-22, UTC"


def user_id_of(
    user_id: Annotated[
        str, Path(description="As the list tells it", examples=["01KB3M5Q8Z7V2T4X6Y8W0R1S2T"])
    ],
) -> str:
    """A path's user. Raises UnknownUser for what can't be an id, too."""
    if not is_ulid(user_id):
        raise UnknownUser
    return user_id


def user_query(
    search: Annotated[
        str | None,
        Query(
            min_length=1,
            max_length=128,
            pattern=PRINTABLE,
            description="Part of a username, an email address or a name, in any case",
        ),
    ] = None,
    role: Annotated[Role | None, Query(description="Who has this role")] = None,
    tier: Annotated[
        str | None,
        Query(description="Who is limited by this tier, the default one included", examples=["pro"]),
    ] = None,
    is_guest: Annotated[bool | None, Query(description="Guests, or who has registered")] = None,
    is_active: Annotated[bool | None, Query(description="Who may act, or was deactivated")] = None,
) -> UserQuery:
    """The query of the list."""
    return UserQuery(search, role, tier, is_guest, is_active)


UserId = Annotated[str, Depends(user_id_of)]


def admin_users_router(users: AdminUsers) -> APIRouter:
    """Users: found, changed, and what they used."""
    router = APIRouter(prefix="/v1/admin/users", tags=["admin"])

    @router.get("", summary="List users")
    async def list_users(
        _: SignedIn, query: Annotated[UserQuery, Depends(user_query)], paging: Paging
    ) -> Page[AdminUser]:
        """All users whom every given filter fits, the newest first."""
        return await users.page(query, paging)

    @router.get("/{user_id}", summary="Read a user", responses=UNKNOWN)
    async def read_user(_: SignedIn, user_id: UserId) -> AdminUser:
        """Who it is, with roles and tier."""
        return await users.read(user_id)

    @router.patch("/{user_id}", summary="Change a user's tier or name", responses=UNKNOWN)
    async def change_user(by: Acting, user_id: UserId, body: UserPatch) -> AdminUser:
        """What is left out stays. A tier is in effect on every server within a second."""
        return await users.change(user_id, body, by)

    @router.get("/{user_id}/usage", summary="What a user used", responses=UNKNOWN)
    async def read_usage(
        _: SignedIn,
        user_id: UserId,
        request: Request,
        start_date: Annotated[date | None, Query(description=A_DAY + "; by default 30 days are told")] = None,
        end_date: Annotated[date | None, Query(description=A_DAY + ", included; by default today")] = None,
    ) -> Enveloped[UserUsage]:
        """Tokens and cost by day, at most 366 days. A job counts when it has ended."""
        usage = await users.usage(user_id, *days_between(start_date, end_date, datetime.now(UTC)))
        return Enveloped(data=usage, meta=Meta(request_id=request.scope["state"].get("request_id")))

    return router


def days_between(start: date | None, end: date | None, now: datetime) -> tuple[date, date]:
    """The first and the last day that are meant. Raises ApiError for days in no order, and for too many."""
    last = end or now.date()
    first = start or last - min(timedelta(days=USUAL_DAYS - 1), last - date.min)
    if not 0 <= (last - first).days < MAX_DAYS:
        message = f"start_date must not be after end_date, and at most {MAX_DAYS - 1} days before it"
        raise ApiError(ErrorCode.INVALID_VALUE, message, param="start_date")
    return first, last
