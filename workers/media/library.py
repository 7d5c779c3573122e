"""The records of media, in PostgreSQL."""

from datetime import UTC, datetime, timedelta

from contracts.jobs import MediaResult
from infra.database import Database
from infra.settings import MediaSettings
from infra.store.media import AWAITING, Seen, Taken, finish_media, ingest_of, no_media, remove_media, taken


class MediaLibrary:
    """One transaction for each call."""

    def __init__(self, database: Database, settings: MediaSettings) -> None:
        self._database = database
        self._settings = settings

    async def settled(self, tenant: str, media_id: str) -> MediaResult | None:
        """What became of an ingest; None while it is awaited. Raises ApiError, 404, where there is none."""
        async with self._database.begin() as session:
            row = await ingest_of(session, tenant, media_id)
            if row is None:
                raise no_media(media_id)
            return None if row.state == AWAITING else _result(await taken(session, row))

    async def settle(self, tenant: str, media_id: str, seen: Seen, *, keeps_id: bool) -> MediaResult:
        """Record it: as new, or as a duplicate. Raises ApiError: 404 where it is gone, 413 where the tenant's
        storage is full."""
        now = datetime.now(UTC)
        async with self._database.begin() as session:
            ended = await finish_media(
                session, tenant, media_id, seen,
                now=now,
                expires_at=now + timedelta(seconds=self._settings.retention),
                limit=self._settings.tenant_bytes,
                keeps_id=keeps_id,
            )  # fmt: skip
            return _result(ended)

    async def drop(self, tenant: str, media_id: str) -> None:
        """Remove an ingest that is awaited still. Its object is garbage then, for the sweeper."""
        async with self._database.begin() as session:
            row = await ingest_of(session, tenant, media_id)
            if row is not None and row.state == AWAITING:
                await remove_media(session, tenant, [media_id], datetime.now(UTC))


def _result(ended: Taken) -> MediaResult:
    return MediaResult(media_id=ended.row.media_id, is_duplicate=ended.is_duplicate)
