"""Media: what each tenant has in the object store, under which key, and how much of it.

Every change of a tenant's media locks the tenant's row of usage first. So whether bytes are there already,
whether an object is still named, and how much is used are each decided by one transaction at a time; none of
them waits for the store. An object that no row names any more is written down as garbage by the transaction
that let go of it; whoever sweeps deletes it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import BigInteger, DateTime, Index, delete
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped
from sqlmodel import Field, col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from contracts.errors import ApiError, ErrorCode
from contracts.ids import JOB_ID_LENGTH
from infra.store.keyset import Order, keyset
from infra.store.table import Table

State = Literal["awaiting", "stored", "merged"]
AWAITING: State = "awaiting"
"""The row is there, its bytes have not been looked at."""
STORED: State = "stored"
MERGED: State = "merged"
"""Its bytes were there already: the row only tells where, to a worker that comes after one that died."""
MERGED_LIFE = timedelta(days=1)


class MediaRow(Table, table=True):
    """One file of a tenant."""

    __tablename__ = "media"
    __table_args__ = (
        Index("ix_media_tenant_media_id", "tenant", "media_id"),
        Index("ix_media_tenant_sha256", "tenant", "sha256"),
    )

    media_id: str = Field(primary_key=True, max_length=32)
    tenant: str = Field(max_length=128)
    user_id: str = Field(max_length=JOB_ID_LENGTH)
    state: str = Field(default=AWAITING, max_length=16)
    object_key: str = Field(max_length=256, index=True)
    """Rows of one tenant with the same bytes may share an object."""
    mime: str | None = Field(default=None, max_length=64)
    """While it is awaited: what its sender says it is."""
    bytes: int = Field(sa_type=BigInteger)
    """While it is awaited: what is held for it."""
    sha256: str | None = Field(default=None, max_length=64)
    width: int | None = None
    height: int | None = None
    filename: str | None = Field(default=None, max_length=256)
    is_own_upload: bool = False
    """Whether the client sends it to the store itself."""
    same_as: str | None = Field(default=None, max_length=32)
    """Of merged media: those that have the bytes."""
    created_at: datetime = Field(sa_type=DateTime(timezone=True))
    expires_at: datetime = Field(sa_type=DateTime(timezone=True), index=True)
    """When it goes, whatever its state."""


class MediaUsageRow(Table, table=True):
    """What a tenant's media take, each object counted once, with what is held for those that are awaited."""

    __tablename__ = "media_usage"

    tenant: str = Field(primary_key=True, max_length=128)
    bytes: int = Field(default=0, sa_type=BigInteger)


class MediaGarbageRow(Table, table=True):
    """An object that no media name any more."""

    __tablename__ = "media_garbage"

    object_key: str = Field(primary_key=True, max_length=256)
    since: datetime = Field(sa_type=DateTime(timezone=True))


@dataclass(frozen=True)
class Seen:
    """What was seen of a file's bytes."""

    mime: str
    bytes: int
    sha256: str
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True)
class Taken:
    """Media that were taken in, or were there already."""

    row: MediaRow
    is_duplicate: bool


async def begin_media(session: AsyncSession, row: MediaRow, limit: int) -> None:
    """Await a file; of one that is awaited already, nothing changes. Raises ApiError, 413, where its `bytes`
    pass the tenant's `limit`; 0 is no limit."""
    usage = await _usage(session, row.tenant)
    if await session.get(MediaRow, row.media_id) is not None:
        return
    _grow(usage, row.bytes, limit)
    session.add(row)


async def media_of(session: AsyncSession, tenant: str, media_id: str, now: datetime) -> MediaRow | None:
    """A tenant's media, awaited or stored."""
    return (await media_of_all(session, tenant, [media_id], now)).get(media_id)


async def media_of_all(
    session: AsyncSession, tenant: str, media_ids: Collection[str], now: datetime
) -> dict[str, MediaRow]:
    """Those of a tenant's media that there are, by their ids."""
    found = select(MediaRow).where(
        col(MediaRow.tenant) == tenant,
        col(MediaRow.media_id).in_(media_ids),
        col(MediaRow.state) != MERGED,
        col(MediaRow.expires_at) > now,
    )
    return {row.media_id: row for row in (await session.exec(found)).all()}


async def media_page(
    session: AsyncSession, tenant: str, now: datetime, *, limit: int, after: str | None, order: Order
) -> tuple[list[MediaRow], bool]:
    """A part of a tenant's stored media, by age, and whether there are more. Raises ApiError for an unknown
    `after`."""
    stored = select(MediaRow).where(
        col(MediaRow.tenant) == tenant, col(MediaRow.state) == STORED, col(MediaRow.expires_at) > now
    )
    id_column: Mapped[str] = col(MediaRow.media_id)
    return await keyset(session, stored, id_column, limit=limit, after=after, order=order)


async def used_bytes(session: AsyncSession, tenant: str) -> int:
    """What a tenant's media take."""
    usage = await session.get(MediaUsageRow, tenant)
    return 0 if usage is None else usage.bytes


async def finish_media(  # noqa: PLR0913  what is taken in, and by which rules
    session: AsyncSession,
    tenant: str,
    media_id: str,
    seen: Seen,
    *,
    now: datetime,
    expires_at: datetime,
    limit: int,
    keeps_id: bool,
) -> Taken:
    """Awaited media become stored, or give way to those of the same bytes; again, it changes nothing.

    Raises ApiError: 404 when they were deleted meanwhile, 413 where they pass the tenant's limit.
    """
    usage = await _usage(session, tenant)
    own = await _own(session, tenant, media_id)
    if own is None:
        raise no_media(media_id)
    if own.state != AWAITING:
        return await taken(session, own)
    twin = await _twin(session, tenant, seen.sha256, now)
    if twin is None:
        _grow(usage, seen.bytes - own.bytes, limit)
        if own.is_own_upload:
            await _throw_away(session, own.object_key, now)
            own.object_key = object_key(tenant, media_id)
        return Taken(_stored(own, seen, expires_at), is_duplicate=False)
    usage.bytes -= own.bytes
    for key in {own.object_key, object_key(tenant, media_id)}:
        await _throw_away(session, key, now)
    twin.expires_at = max(twin.expires_at, expires_at)
    if keeps_id:
        own.object_key = twin.object_key
        return Taken(_stored(own, seen, expires_at), is_duplicate=True)
    own.state, own.same_as, own.bytes, own.expires_at = MERGED, twin.media_id, 0, now + MERGED_LIFE
    return Taken(twin, is_duplicate=True)


async def taken(session: AsyncSession, row: MediaRow) -> Taken:
    """What became of media that are awaited no more. Raises ApiError, 404, where their twin is gone."""
    if row.state == STORED:
        return Taken(row, row.object_key != object_key(row.tenant, row.media_id))
    twin = None if row.same_as is None else await _own(session, row.tenant, row.same_as)
    if twin is None or twin.state != STORED:
        raise no_media(row.media_id)
    return Taken(twin, is_duplicate=True)


async def ingest_of(session: AsyncSession, tenant: str, media_id: str) -> MediaRow | None:
    """The row of an ingest, merged ones too."""
    return await _own(session, tenant, media_id)


async def remove_media(
    session: AsyncSession, tenant: str, media_ids: Collection[str], now: datetime
) -> list[MediaRow]:
    """Delete a tenant's media; those that there were. Objects that nobody names now are garbage."""
    usage = await _usage(session, tenant)
    wanted = select(MediaRow).where(col(MediaRow.tenant) == tenant, col(MediaRow.media_id).in_(media_ids))
    rows = list((await session.exec(wanted.order_by(col(MediaRow.media_id)))).all())
    for row in rows:
        await session.delete(row)
        await session.flush()
        shared = select(MediaRow.media_id).where(col(MediaRow.object_key) == row.object_key).limit(1)
        if (await session.exec(shared)).first() is None:
            usage.bytes -= row.bytes
            await _throw_away(session, row.object_key, now)
    return rows


async def expired_media(session: AsyncSession, now: datetime, most: int) -> dict[str, list[str]]:
    """Ids of media whose time is over, by tenant."""
    over = select(MediaRow.tenant, MediaRow.media_id).where(col(MediaRow.expires_at) <= now)
    found: dict[str, list[str]] = {}
    for tenant, media_id in (await session.exec(over.order_by(col(MediaRow.expires_at)).limit(most))).all():
        found.setdefault(tenant, []).append(media_id)
    return found


async def garbage(session: AsyncSession, most: int) -> list[str]:
    """Keys of objects that are to go, the oldest first."""
    keys = select(MediaGarbageRow.object_key).order_by(col(MediaGarbageRow.since)).limit(most)
    return list((await session.exec(keys)).all())


async def forget_garbage(session: AsyncSession, keys: Sequence[str]) -> None:
    """These objects are gone."""
    await session.exec(delete(MediaGarbageRow).where(col(MediaGarbageRow.object_key).in_(keys)))


async def known_keys(session: AsyncSession, keys: Sequence[str]) -> set[str]:
    """Those of some keys that media name."""
    named = select(MediaRow.object_key).where(col(MediaRow.object_key).in_(keys)).distinct()
    return set((await session.exec(named)).all())


def object_key(tenant: str, media_id: str) -> str:
    """Where the bytes of an ingest lie."""
    return f"media/{tenant}/{media_id}"


def upload_key(tenant: str, media_id: str) -> str:
    """Where a client sends its file: nothing is served from there, as its link outlives the look at it."""
    return f"{object_key(tenant, media_id)}.upload"


def no_media(media_id: str, param: str | None = None) -> ApiError:
    """What is answered for media that are not there, or another tenant's."""
    return ApiError(ErrorCode.MEDIA_NOT_FOUND, f"There is no media {media_id!r}", param=param)


async def _usage(session: AsyncSession, tenant: str) -> MediaUsageRow:
    """The tenant's row, which nobody else changes until the transaction ends."""
    await session.exec(insert(MediaUsageRow).values(tenant=tenant, bytes=0).on_conflict_do_nothing())
    locked = select(MediaUsageRow).where(col(MediaUsageRow.tenant) == tenant).with_for_update()
    return (await session.exec(locked.execution_options(populate_existing=True))).one()


async def _own(session: AsyncSession, tenant: str, media_id: str) -> MediaRow | None:
    own = select(MediaRow).where(col(MediaRow.tenant) == tenant, col(MediaRow.media_id) == media_id)
    return (await session.exec(own)).first()


async def _twin(session: AsyncSession, tenant: str, sha256: str, now: datetime) -> MediaRow | None:
    same = select(MediaRow).where(
        col(MediaRow.tenant) == tenant,
        col(MediaRow.sha256) == sha256,
        col(MediaRow.state) == STORED,
        col(MediaRow.expires_at) > now,
    )
    return (await session.exec(same.order_by(col(MediaRow.media_id)).limit(1))).first()


def _stored(row: MediaRow, seen: Seen, expires_at: datetime) -> MediaRow:
    row.state, row.expires_at = STORED, expires_at
    row.mime, row.bytes, row.sha256 = seen.mime, seen.bytes, seen.sha256
    row.width, row.height = seen.width, seen.height
    return row


def _grow(usage: MediaUsageRow, more: int, limit: int) -> None:
    if limit and more > 0 and usage.bytes + more > limit:
        message = f"Your media would take more than {limit:,} bytes; delete some that are no longer needed"
        raise ApiError(ErrorCode.STORAGE_QUOTA_EXCEEDED, message)
    usage.bytes += more


async def _throw_away(session: AsyncSession, key: str, now: datetime) -> None:
    await session.exec(insert(MediaGarbageRow).values(object_key=key, since=now).on_conflict_do_nothing())
