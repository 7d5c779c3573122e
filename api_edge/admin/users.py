"""Users, as admins look after them: found, their roles and tiers, and whether they may act at all."""

from dataclasses import dataclass
from datetime import UTC, date, datetime

from api_edge.middleware.paging import PageAsk, page_of
from contracts.envelope import Role
from contracts.errors import ApiError, ErrorCode
from contracts.wire.admin_users import AdminUser, DayUsage, GivenRole, UserPatch, UserUsage
from contracts.wire.lists import Page
from infra.database import Database, Transaction
from infra.limits.allowances import tell_changed
from infra.notices import Notices
from infra.settings import LimitSettings
from infra.store import standing
from infra.store.audit import Actor, note_change
from infra.store.revoking import Revocations
from infra.store.tiers import give_tier
from infra.store.usage import usage_between
from infra.store.users import User, UserFilter, locked_user, user_of, users_page


class UnknownUser(ApiError):
    """There is no user of this id."""

    def __init__(self) -> None:
        super().__init__(ErrorCode.NOT_FOUND, "There is no such user")


@dataclass(frozen=True)
class UserQuery:
    """Which users a list is asked for; None wherever any will do."""

    search: str | None = None
    role: Role | None = None
    tier: str | None = None
    is_guest: bool | None = None
    is_active: bool | None = None


@dataclass(frozen=True)
class AdminUsers:
    """What an admin does with users. Each change is in the audit log, and felt everywhere within a second."""

    database: Database
    revocations: Revocations
    notices: Notices
    limits: LimitSettings

    async def page(self, query: UserQuery, ask: PageAsk) -> Page[AdminUser]:
        """A part of the users who are asked for. Raises ApiError for an unknown `after` or tier."""
        wanted = UserFilter(
            query.search, query.role, self._tiers(query.tier), query.is_guest, query.is_active
        )
        async with self.database.begin() as session:
            rows, has_more = await users_page(
                session, wanted, limit=ask.limit, after=ask.after, order=ask.order
            )
        return page_of([self._view(row) for row in rows], has_more, lambda user: user.id)

    async def read(self, user_id: str) -> AdminUser:
        """A user. Raises UnknownUser."""
        async with self.database.begin() as session:
            return self._view(await existing(session, user_id))

    async def change(self, user_id: str, patch: UserPatch, by: Actor) -> AdminUser:
        """Give a user another tier or name. Raises ApiError: UnknownUser, or 400 for an unknown tier."""
        given, now = patch.model_fields_set, datetime.now(UTC)
        if patch.tier is not None:
            self._check_tier(patch.tier)
        async with self.database.begin() as session:
            user = known(await locked_user(session, user_id))
            if "name" in given and user.name != patch.name:
                note_change(session, by, now, "user.update", user_id, {"name": [user.name, patch.name]})
                user.name, user.updated_at = patch.name, now
                await session.flush()
            if "tier" in given:
                user = known(await give_tier(session, user_id, patch.tier, by, now))
        if "tier" in given:
            await tell_changed(self.notices, user.tenant)
        return self._view(user)

    async def grant(self, user_id: str, role: GivenRole, by: Actor) -> AdminUser:
        """Give a role, which the user's next token has. Raises UnknownUser."""
        async with self.revocations.begin() as work:
            user = known(await standing.grant(work, user_id, Role(role.value), by))
        return self._view(user)

    async def withdraw(self, user_id: str, role: GivenRole, by: Actor) -> AdminUser:
        """Take a role from every token at once. Raises UnknownUser, and LastAdmin: 409."""
        async with self.revocations.begin() as work:
            user = known(await standing.withdraw(work, user_id, Role(role.value), by, spare_last=True))
        return self._view(user)

    async def deactivate(self, user_id: str, by: Actor) -> AdminUser:
        """Let a user do nothing any more, at once. Raises UnknownUser, and LastAdmin: 409."""
        async with self.revocations.begin() as work:
            user = known(await standing.deactivate(work, user_id, by, spare_last=True))
        return self._view(user)

    async def activate(self, user_id: str, by: Actor) -> AdminUser:
        """Let a user act again. Raises UnknownUser."""
        async with self.revocations.begin() as work:
            user = known(await standing.reactivate(work, user_id, by))
        return self._view(user)

    async def usage(self, user_id: str, first: date, last: date) -> UserUsage:
        """What a user used from the first day to the last. Raises UnknownUser."""
        async with self.database.begin() as session:
            user = await existing(session, user_id)
            uses = await usage_between(session, user.tenant, first, last)
        days = [
            DayUsage(
                date=one.day,
                input_tokens=one.input_tokens,
                output_tokens=one.output_tokens,
                total_tokens=one.input_tokens + one.output_tokens,
                micro_usd=one.micro_usd,
            )
            for one in uses
        ]
        return UserUsage(
            start_date=first,
            end_date=last,
            input_tokens=sum(day.input_tokens for day in days),
            output_tokens=sum(day.output_tokens for day in days),
            total_tokens=sum(day.total_tokens for day in days),
            micro_usd=sum(day.micro_usd for day in days),
            days=days,
        )

    def _check_tier(self, tier: str) -> None:
        if tier not in self.limits.tiers:
            message = f"tier must be one of {', '.join(sorted(self.limits.tiers))}"
            raise ApiError(ErrorCode.INVALID_VALUE, message, param="tier")

    def _tiers(self, tier: str | None) -> list[str | None] | None:
        """Whatever means this tier; None for any."""
        if tier is None:
            return None
        self._check_tier(tier)
        return [tier, None] if tier == self.limits.default_tier else [tier]

    def _view(self, user: User) -> AdminUser:
        is_known = user.tier in self.limits.tiers
        return AdminUser(
            id=user.user_id,
            username=user.username,
            email=user.email,
            email_verified=user.email_verified,
            name=user.name,
            roles=user.roles,
            is_guest=user.is_guest,
            is_admin=Role.ADMIN.value in user.roles,
            is_active=user.deactivated_at is None,
            tier=user.tier,
            effective_tier=user.tier if user.tier and is_known else self.limits.default_tier,
            created_at=user.created_at,
            updated_at=user.updated_at or user.created_at,
            deactivated_at=user.deactivated_at,
        )


async def existing(session: Transaction, user_id: str) -> User:
    """The user of this id. Raises UnknownUser."""
    return known(await user_of(session, user_id))


def known(user: User | None) -> User:
    """The user, who was found. Raises UnknownUser."""
    if user is None:
        raise UnknownUser
    return user
