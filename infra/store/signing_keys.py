"""The embedded issuer's keys: made once for all edges, retired by rotation, kept while their tokens live."""

import asyncio
from datetime import datetime

from sqlalchemy import DateTime, Text, update
from sqlmodel import Field, col, func, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from contracts.ids import JOB_ID_LENGTH
from infra.identity.keys import Algorithm, SigningKey, new_signing_key
from infra.store.table import Table

FIRST_KEY_LOCK = 0x6A616E_6B6579
"""Advisory lock (a constant of our own) under which the first key is made, so that two edges agree."""


class SigningKeyRow(Table, table=True):
    """A key pair as it is stored."""

    __tablename__ = "signing_keys"

    kid: str = Field(primary_key=True, max_length=JOB_ID_LENGTH)
    algorithm: str = Field(max_length=16)
    private_pem: str = Field(sa_type=Text, repr=False)
    created_at: datetime = Field(sa_type=DateTime(timezone=True))
    retired_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    """When it stopped signing."""


async def verifying_keys(session: AsyncSession, retired_since: datetime) -> list[SigningKey]:
    """The keys that sign, and those that were retired since then: their tokens may still be alive."""
    alive = or_(col(SigningKeyRow.retired_at).is_(None), col(SigningKeyRow.retired_at) > retired_since)
    rows = await session.exec(select(SigningKeyRow).where(alive))
    return [_value(row) for row in rows]


async def ensure_signing_key(session: AsyncSession, now: datetime) -> SigningKey:
    """The newest key that signs; the first one is made here, whoever comes first."""
    await session.exec(select(func.pg_advisory_xact_lock(FIRST_KEY_LOCK)))
    newest = select(SigningKeyRow).where(col(SigningKeyRow.retired_at).is_(None))
    row = (await session.exec(newest.order_by(col(SigningKeyRow.created_at).desc()).limit(1))).first()
    if row is not None:
        return _value(row)
    key = await asyncio.to_thread(new_signing_key, now)
    await _add(session, key)
    return key


async def rotate(session: AsyncSession, key: SigningKey, now: datetime) -> None:
    """Let a new key sign from now on; the others still verify until `verifying_keys` leaves them out."""
    signing = col(SigningKeyRow.retired_at).is_(None)
    await session.exec(update(SigningKeyRow).where(signing).values(retired_at=now))
    await _add(session, key)


async def _add(session: AsyncSession, key: SigningKey) -> None:
    session.add(
        SigningKeyRow(
            kid=key.kid,
            algorithm=key.algorithm.value,
            private_pem=key.private_pem,
            created_at=key.created_at,
        )
    )
    await session.flush()


def _value(row: SigningKeyRow) -> SigningKey:
    return SigningKey(row.kid, Algorithm(row.algorithm), row.private_pem, row.created_at, row.retired_at)
