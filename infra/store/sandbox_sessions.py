"""Sessions of programs: whose turn it is with their files, and when these go."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import DateTime, delete, or_, update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Field, col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from infra.store.table import Table
from infra.store.tool_calls import RUNNING, ToolCallRow


class SandboxSessionRow(Table, table=True):
    """One session; its files are one object."""

    __tablename__ = "sandbox_sessions"

    object_key: str = Field(primary_key=True, max_length=256)
    holder: str | None = Field(default=None, max_length=26)
    """The call that has it now."""
    held_until: datetime = Field(sa_type=DateTime(timezone=True))
    """When it is free, also where its holder was lost."""
    has_files: bool = False
    expires_at: datetime = Field(sa_type=DateTime(timezone=True), index=True)


async def hold_session(
    session: AsyncSession, key: str, holder: str, now: datetime, until: datetime
) -> bool | None:
    """Take a session until then: whether it has files; None while another call has it."""
    await session.exec(
        insert(SandboxSessionRow)
        .values(object_key=key, held_until=now, has_files=False, expires_at=until)
        .on_conflict_do_nothing()
    )
    wanted = select(SandboxSessionRow).where(col(SandboxSessionRow.object_key) == key).with_for_update()
    row = (await session.exec(wanted.execution_options(populate_existing=True))).one_or_none()
    if row is None:
        return None
    if row.holder not in {None, holder} and row.held_until > now and await _goes_on(session, row.holder):
        return None
    has_files = row.has_files and row.expires_at > now
    row.holder, row.held_until, row.expires_at = holder, until, max(row.expires_at, until)
    row.has_files = has_files
    return has_files


async def _goes_on(session: AsyncSession, holder: str | None) -> bool:
    """Whether a call has not come to an end: one whose worker was lost did so when that was found out."""
    status = select(ToolCallRow.status).where(col(ToolCallRow.job_id) == holder)
    return (await session.exec(status)).first() in {None, RUNNING}


async def is_held(session: AsyncSession, key: str, holder: str) -> bool:
    """Whether a call has it still."""
    row = await session.get(SandboxSessionRow, key)
    return row is not None and row.holder == holder


async def let_go_session(
    session: AsyncSession, key: str, holder: str, *, has_files: bool, expires_at: datetime
) -> None:
    """The next call may have it; where another has it already, nothing changes."""
    await session.exec(
        update(SandboxSessionRow)
        .where(col(SandboxSessionRow.object_key) == key, col(SandboxSessionRow.holder) == holder)
        .values(holder=None, held_until=expires_at, has_files=has_files, expires_at=expires_at)
    )


async def expired_sessions(session: AsyncSession, now: datetime, most: int) -> list[str]:
    """Object keys of sessions whose time is over and that no call has; nobody else gets them meanwhile."""
    over = (
        select(SandboxSessionRow.object_key)
        .where(
            col(SandboxSessionRow.expires_at) < now,
            or_(col(SandboxSessionRow.holder).is_(None), col(SandboxSessionRow.held_until) < now),
        )
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    return list((await session.exec(over)).all())


async def forget_sessions(session: AsyncSession, keys: Sequence[str]) -> None:
    """Their rows go."""
    await session.exec(delete(SandboxSessionRow).where(col(SandboxSessionRow.object_key).in_(keys)))
