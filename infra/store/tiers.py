"""The tier of a tenant: that of its user."""

from sqlalchemy import update
from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from infra.store.users import User


async def tier_of(session: AsyncSession, tenant: str) -> str | None:
    """Its own tier; None for the default one."""
    tiers = select(User.tier).where(col(User.tenant) == tenant, col(User.tier).is_not(None))
    return (await session.exec(tiers.order_by(col(User.user_id)).limit(1))).first()


async def set_tier(session: AsyncSession, tenant: str, tier: str | None) -> None:
    """Give all users of a tenant this tier."""
    await session.exec(
        update(User).where(col(User.tenant) == tenant).values(tier=tier, updated_at=func.now())
    )
