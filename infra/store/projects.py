"""Projects: conversations under one instruction."""

from datetime import datetime

from sqlalchemy import DateTime, Index, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped
from sqlmodel import Field, col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from contracts.errors import ApiError, ErrorCode
from contracts.ids import JOB_ID_LENGTH
from infra.store.keyset import Order, keyset
from infra.store.table import Table


class ProjectRow(Table, table=True):
    """One project."""

    __tablename__ = "projects"
    __table_args__ = (
        Index("uq_projects_name", "tenant", "name", unique=True, postgresql_where=text("deleted_at IS NULL")),
        Index("ix_projects_tenant_project_id", "tenant", "project_id"),
    )

    project_id: str = Field(primary_key=True, max_length=64)
    tenant: str = Field(max_length=128)
    user_id: str = Field(max_length=JOB_ID_LENGTH)
    name: str = Field(max_length=120)
    instruction: str | None = None
    is_favorite: bool = False
    archived_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    deleted_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    created_at: datetime = Field(sa_type=DateTime(timezone=True))
    updated_at: datetime = Field(sa_type=DateTime(timezone=True))


class NameTaken(ApiError):
    """Another project of the tenant has this name."""

    def __init__(self) -> None:
        super().__init__(ErrorCode.CONFLICT, "Another project has this name; choose another", param="name")


async def keep_project(session: AsyncSession, row: ProjectRow) -> None:
    """Keep a project, new or changed. Raises NameTaken."""
    session.add(row)
    try:
        await session.flush()
    except IntegrityError as error:
        raise NameTaken from error


async def project_at(
    session: AsyncSession, tenant: str, project_id: str, *, is_locked: bool = False
) -> ProjectRow | None:
    """A tenant's project that was not deleted; locked, nobody else changes it until the transaction ends."""
    found = select(ProjectRow).where(
        col(ProjectRow.tenant) == tenant,
        col(ProjectRow.project_id) == project_id,
        col(ProjectRow.deleted_at).is_(None),
    )
    return (await session.exec(found.with_for_update() if is_locked else found)).first()


async def projects_of(
    session: AsyncSession, tenant: str, *, limit: int, after: str | None, order: Order
) -> tuple[list[ProjectRow], bool]:
    """A part of a tenant's projects, by age, and whether there are more. Raises ApiError."""
    rows = select(ProjectRow).where(col(ProjectRow.tenant) == tenant, col(ProjectRow.deleted_at).is_(None))
    id_column: Mapped[str] = col(ProjectRow.project_id)
    return await keyset(session, rows, id_column, limit=limit, after=after, order=order)
