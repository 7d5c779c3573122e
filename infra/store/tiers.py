"""The tier of a tenant: that of its user."""

from datetime import datetime

from sqlalchemy import update
from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from infra.store.audit import Actor, note_change
from infra.store.users import User, locked_user


async def tier_of(session: AsyncSession, tenant: str) -> str | None:
    """Its own tier; None for the default one."""
    tiers = select(User.tier).where(col(User.tenant) == tenant, col(User.tier).is_not(None))
    return (await session.exec(tiers.order_by(col(User.user_id)).limit(1))).first()


async def set_tier(session: AsyncSession, tenant: str, tier: str | None) -> None:
    """Give all users of a tenant this tier."""
    await session.exec(
        update(User).where(col(User.tenant) == tenant).values(tier=tier, updated_at=func.now())
    )


async def give_tier(
    session: AsyncSession, user_id: str, tier: str | None, by: Actor, now: datetime
) -> User | None:
    """Give a user's tenant this tier, noted in the audit log. None where there is no such user."""
    user = await locked_user(session, user_id)
    if user is None or user.tier == tier:
        return user
    note_change(session, by, now, "user.set_tier", user_id, {"tier": [user.tier, tier]})
    await set_tier(session, user.tenant, tier)
    return await locked_user(session, user_id)
