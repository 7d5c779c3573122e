"""Idempotency keys: which job, or which small answer, a caller's key stands for.

A row is held by one request, its holder, until the job is accepted or the answer is stored. Whoever finds a
row whose holder seems to have died takes it over; what the former holder still writes then changes nothing.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, DateTime, LargeBinary, and_, delete, tuple_, update
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlmodel import Field, col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from contracts.ids import JOB_ID_LENGTH
from infra.store.table import Table

KEY_LENGTH = 255
RETURNING_TRIES = 5
"""How often a key is tried that is released between looking and looking again."""

Headers = list[tuple[str, str]]


@dataclass(frozen=True)
class Keyed:
    """A request that carries a key: whose it is, and what was asked with it."""

    tenant: str
    user_id: str
    key: str
    fingerprint: bytes
    """SHA-256 of the method, the path and the body."""


class IdempotencyRow(Table, table=True):
    """One key of one caller."""

    __tablename__ = "idempotency"

    tenant: str = Field(primary_key=True, max_length=128)
    user_id: str = Field(primary_key=True, max_length=128)
    key: str = Field(primary_key=True, max_length=KEY_LENGTH)
    fingerprint: bytes = Field(sa_type=LargeBinary)
    holder: str = Field(max_length=JOB_ID_LENGTH)
    """The request that does what was asked, or did."""
    held_at: datetime = Field(sa_type=DateTime(timezone=True))
    """When it began to."""
    created_at: datetime = Field(sa_type=DateTime(timezone=True))
    """When this was asked first."""
    expires_at: datetime = Field(sa_type=DateTime(timezone=True), index=True)
    job_id: str | None = Field(default=None, max_length=JOB_ID_LENGTH)
    accepted_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    """When the job was known to be durable; None may also be a job whose edge died before it could tell."""
    status: int | None = Field(default=None)
    """Of a stored answer."""
    headers: Headers | None = Field(default=None, sa_type=JSONB(none_as_null=True))
    body: bytes | None = Field(default=None, sa_type=LargeBinary)
    """None in a stored answer that was too large to be kept."""

    @property
    def is_settled(self) -> bool:
        """Whether nobody has to do anything for it any more."""
        return self.accepted_at is not None or self.status is not None


async def hold_key(session: AsyncSession, wanted: IdempotencyRow) -> IdempotencyRow:
    """The row that stands for this key: the wanted one, unless there is one that has not expired."""
    values = wanted.model_dump()
    fresh = insert(IdempotencyRow).values(values)
    fresh = fresh.on_conflict_do_update(
        index_elements=["tenant", "user_id", "key"],
        set_=values,
        where=col(IdempotencyRow.expires_at) <= wanted.created_at,
    )
    for _ in range(RETURNING_TRIES):
        taken = await session.exec(fresh.returning(col(IdempotencyRow.holder)))
        if taken.first() is not None:
            return wanted
        found = await session.exec(select(IdempotencyRow).where(_same_key(wanted)))
        if (row := found.first()) is not None:
            return row
    raise RuntimeError("an idempotency key comes and goes")


async def row_of_key(session: AsyncSession, keyed: Keyed | IdempotencyRow) -> IdempotencyRow | None:
    """What is known of a key."""
    return (await session.exec(select(IdempotencyRow).where(_same_key(keyed)))).first()


async def take_over_key(session: AsyncSession, row: IdempotencyRow, wanted: IdempotencyRow) -> bool:
    """Replace a row that is not settled; whether nobody was faster."""
    values = wanted.model_dump(exclude={"tenant", "user_id", "key"})
    taken = update(IdempotencyRow).where(_held(row)).values(values).returning(col(IdempotencyRow.holder))
    return (await session.exec(taken)).first() is not None


async def accept_key(session: AsyncSession, row: IdempotencyRow, now: datetime) -> None:
    """The job of a row is durable, whoever produced it."""
    same_job = and_(_same_key(row), col(IdempotencyRow.job_id) == row.job_id)
    await session.exec(update(IdempotencyRow).where(same_job).values(accepted_at=now))


async def answer_key(
    session: AsyncSession, row: IdempotencyRow, status: int, headers: Headers, body: bytes | None
) -> bool:
    """Store what was answered; False when the row was taken over by another request."""
    stored = update(IdempotencyRow).where(_held(row)).values(status=status, headers=headers, body=body)
    return (await session.exec(stored.returning(col(IdempotencyRow.holder)))).first() is not None


async def release_key(session: AsyncSession, row: IdempotencyRow) -> None:
    """Forget a row, as if its key had never been used; one that is settled or taken over stays."""
    await session.exec(delete(IdempotencyRow).where(_held(row)))


async def sweep_keys(session: AsyncSession, now: datetime, most: int) -> None:
    """Delete keys that have expired, at most so many."""
    names = (col(IdempotencyRow.tenant), col(IdempotencyRow.user_id), col(IdempotencyRow.key))
    expired = select(*names).where(col(IdempotencyRow.expires_at) <= now).limit(most)
    expired = expired.with_for_update(skip_locked=True)
    await session.exec(delete(IdempotencyRow).where(tuple_(*names).in_(expired)))


def _same_key(keyed: Keyed | IdempotencyRow) -> ColumnElement[bool]:
    return and_(
        col(IdempotencyRow.tenant) == keyed.tenant,
        col(IdempotencyRow.user_id) == keyed.user_id,
        col(IdempotencyRow.key) == keyed.key,
    )


def _held(row: IdempotencyRow) -> ColumnElement[bool]:
    """The row, while its holder is the same and has not settled it."""
    return and_(
        _same_key(row),
        col(IdempotencyRow.holder) == row.holder,
        col(IdempotencyRow.accepted_at).is_(None),
        col(IdempotencyRow.status).is_(None),
    )
