"""Frames of jobs that were asked for with an idempotency key, kept when the relay has let go of them."""

import asyncio
import zlib
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import DateTime, LargeBinary, delete, func
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Field, col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from contracts.frames import pack, unpack
from contracts.ids import JOB_ID_LENGTH
from infra.store.table import Table

LEVEL = 1
"""Of zlib: frames repeat each other so much that more effort gains little."""
SWEPT = 20
"""Most expired results that are deleted when one is added."""


class ResultRow(Table, table=True):
    """All frames of one job."""

    __tablename__ = "results"

    job_id: str = Field(primary_key=True, max_length=JOB_ID_LENGTH)
    tenant: str = Field(max_length=128)
    frames: bytes = Field(sa_type=LargeBinary)
    """As `contracts.frames.pack` writes them, compressed by zlib."""
    created_at: datetime = Field(sa_type=DateTime(timezone=True))
    expires_at: datetime = Field(sa_type=DateTime(timezone=True), index=True)


async def keep_result(
    session: AsyncSession,
    job_id: str,
    tenant: str,
    frames: Sequence[bytes],
    now: datetime,
    expires_at: datetime,
) -> None:
    """Keep all frames of a job that has ended. Of two results the later one stays."""
    packed = await asyncio.to_thread(_packed, job_id, frames)
    values = {"tenant": tenant, "frames": packed, "created_at": now, "expires_at": expires_at}
    row = insert(ResultRow).values(job_id=job_id, **values)
    await session.exec(row.on_conflict_do_update(index_elements=["job_id"], set_=values))
    expired = select(col(ResultRow.job_id)).where(col(ResultRow.expires_at) <= now).limit(SWEPT)
    expired = expired.with_for_update(skip_locked=True)
    await session.exec(delete(ResultRow).where(col(ResultRow.job_id).in_(expired)))


async def result_of(session: AsyncSession, job_id: str, tenant: str) -> list[bytes] | None:
    """The frames of a tenant's job, if they were kept and have not expired."""
    mine = (col(ResultRow.job_id) == job_id, col(ResultRow.tenant) == tenant)
    found = select(ResultRow.frames).where(*mine, col(ResultRow.expires_at) > func.now())
    packed = (await session.exec(found)).first()
    return None if packed is None else await asyncio.to_thread(_unpacked, packed)


def _packed(job_id: str, frames: Sequence[bytes]) -> bytes:
    return zlib.compress(pack(job_id, 0, frames), LEVEL)


def _unpacked(packed: bytes) -> list[bytes]:
    return [frame for _, _, frames in unpack(zlib.decompress(packed)) for frame in frames]
