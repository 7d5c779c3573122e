"""The audit log: every change that an admin or an operator made."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, DateTime, Index
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped
from sqlmodel import Field, col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from contracts.ids import JOB_ID_LENGTH, new_ulid
from infra.store.keyset import Order, keyset
from infra.store.table import Table

Changes = dict[str, Any]
"""Each changed field with its old and its new value, `[old, new]`; a secret stands as `[redacted]`."""


class AuditRow(Table, table=True):
    """One change."""

    __tablename__ = "audit_log"
    __table_args__ = (Index("ix_audit_log_target", "target_type", "target_id"),)

    audit_id: str = Field(primary_key=True, max_length=JOB_ID_LENGTH)
    at: datetime = Field(sa_type=DateTime(timezone=True))
    actor_id: str | None = Field(default=None, max_length=JOB_ID_LENGTH)
    """The user; None for who has the command line."""
    action: str = Field(max_length=64)
    """As `provider.update`."""
    target_type: str = Field(max_length=32)
    target_id: str = Field(max_length=256)
    changes: Changes = Field(default_factory=dict, sa_column=Column(JSONB, nullable=False))
    request_id: str | None = Field(default=None, max_length=128)


@dataclass(frozen=True)
class Actor:
    """Who changes something: a user's request, or the command line."""

    user_id: str | None = None
    request_id: str | None = None


OPERATOR = Actor()
"""Who has the command line."""


def note_change(
    session: AsyncSession, actor: Actor, now: datetime, action: str, target_id: str, changes: Changes
) -> None:
    """Note a change, in the transaction that makes it. The action is `<target type>.<verb>`."""
    session.add(
        AuditRow(
            audit_id=new_ulid(),
            at=now,
            actor_id=actor.user_id,
            action=action,
            target_type=action.partition(".")[0],
            target_id=target_id,
            changes=changes,
            request_id=actor.request_id,
        )
    )


@dataclass(frozen=True)
class AuditFilter:
    """Which changes are wanted; None wherever any will do."""

    target_type: str | None = None
    target_id: str | None = None
    actor_id: str | None = None


async def audit_page(
    session: AsyncSession, wanted: AuditFilter, *, limit: int, after: str | None, order: Order
) -> tuple[list[AuditRow], bool]:
    """A part of the changes that fit, and whether there are more. Raises ApiError for an unknown `after`."""
    rows = select(AuditRow)
    for name, value in vars(wanted).items():
        if value is not None:
            rows = rows.where(col(getattr(AuditRow, name)) == value)
    id_column: Mapped[str] = col(AuditRow.audit_id)
    return await keyset(session, rows, id_column, limit=limit, after=after, order=order)
