"""The embedded issuer's keys: made once for all edges, replaced by age, kept while their tokens live.

A rotation has an overlap at both ends. The new key is published for a while before it signs, so that no edge
and no reader of the key set meets a token of a key that it could not know; the old one signs until then, and
verifies until its last token has ended.
"""

import asyncio
from datetime import datetime, timedelta

from sqlalchemy import DateTime, Text, update
from sqlmodel import Field, col, func, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from contracts.ids import JOB_ID_LENGTH
from infra.identity.keys import PUBLISHED_FIRST, Algorithm, SigningKey, new_signing_key
from infra.sealing import Sealer
from infra.store.sealed import SealedColumn
from infra.store.table import Table

KEY_LOCK = 0x6A616E_6B6579
"""Advisory lock (a constant of our own) under which keys are made, so that two edges agree."""


class SigningKeyRow(Table, table=True):
    """A key pair as it is stored."""

    __tablename__ = "signing_keys"

    kid: str = Field(primary_key=True, max_length=JOB_ID_LENGTH)
    algorithm: str = Field(max_length=16)
    private_pem: str = Field(sa_type=Text, repr=False)
    """Under seal."""
    created_at: datetime = Field(sa_type=DateTime(timezone=True))
    retired_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    """When it stops signing, or did."""


SEALED = SealedColumn(SigningKeyRow, "kid", "private_pem", may_be_plain=True)


async def verifying_keys(session: AsyncSession, sealer: Sealer, retired_since: datetime) -> list[SigningKey]:
    """The keys that sign, and those that were retired since then: their tokens may still be alive.

    Raises SealBroken.
    """
    alive = or_(col(SigningKeyRow.retired_at).is_(None), col(SigningKeyRow.retired_at) > retired_since)
    rows = await session.exec(select(SigningKeyRow).where(alive))
    return [_value(row, sealer) for row in rows]


async def ensure_signing_key(
    session: AsyncSession, sealer: Sealer, now: datetime, max_age: timedelta | None = None
) -> SigningKey:
    """The newest key. The first one is made here, and one that takes over from an older than `max_age`:
    whoever comes first makes it. Raises SealBroken."""
    row = await _newest(session)
    if row is not None and not _is_due(row, now, max_age):
        return _value(row, sealer)
    await session.exec(select(func.pg_advisory_xact_lock(KEY_LOCK)))
    row = await _newest(session)
    if row is not None and not _is_due(row, now, max_age):
        return _value(row, sealer)
    algorithm = Algorithm.RS256 if row is None else Algorithm(row.algorithm)
    key = await asyncio.to_thread(new_signing_key, now, algorithm)
    await rotate(session, sealer, key)
    return key


async def rotate(session: AsyncSession, sealer: Sealer, key: SigningKey) -> None:
    """Let a new key take over, as soon as everybody has had the time to hear of it."""
    await session.exec(select(func.pg_advisory_xact_lock(KEY_LOCK)))
    signing = col(SigningKeyRow.retired_at).is_(None)
    await session.exec(
        update(SigningKeyRow).where(signing).values(retired_at=key.created_at + PUBLISHED_FIRST)
    )
    session.add(
        SigningKeyRow(
            kid=key.kid,
            algorithm=key.algorithm.value,
            private_pem=SEALED.seal(sealer, key.kid, key.private_pem),
            created_at=key.created_at,
        )
    )
    await session.flush()


async def signing_key_rows(session: AsyncSession) -> list[SigningKeyRow]:
    """All that there ever were, newest first."""
    return list(await session.exec(select(SigningKeyRow).order_by(*_NEWEST_FIRST)))


_NEWEST_FIRST = (col(SigningKeyRow.created_at).desc(), col(SigningKeyRow.kid).desc())


async def _newest(session: AsyncSession) -> SigningKeyRow | None:
    signing = select(SigningKeyRow).where(col(SigningKeyRow.retired_at).is_(None))
    return (await session.exec(signing.order_by(*_NEWEST_FIRST).limit(1))).first()


def _is_due(row: SigningKeyRow, now: datetime, max_age: timedelta | None) -> bool:
    return max_age is not None and now - row.created_at >= max_age


def _value(row: SigningKeyRow, sealer: Sealer) -> SigningKey:
    pem = SEALED.open(sealer, row.kid, row.private_pem)
    return SigningKey(row.kid, Algorithm(row.algorithm), pem, row.created_at, row.retired_at)
