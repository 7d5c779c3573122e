"""Files become jobs: a record, the bytes at the store, then the job, and only then an answer."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from api_edge.deps import Asked, Edge
from api_edge.relay.answer import result_of
from api_edge.relay.running import Running
from api_edge.relay.submit import Order, Wish, submit_job
from api_edge.relay.tracing import ended
from contracts.envelope import Caller, Lane
from contracts.errors import ApiError
from contracts.ids import media_id
from contracts.jobs import MediaEnvelope, MediaJob, MediaResult, MediaSource, ObjectRef
from contracts.topics import MEDIA
from infra.database import Database
from infra.failpoints import Moment
from infra.settings import MediaSettings
from infra.store.media import MediaRow, begin_media, media_of, no_media, object_key, remove_media
from infra.telemetry.spans import SpanKind

UNKNOWN_TYPE = "application/octet-stream"

log = logging.getLogger(__name__)


Making = Callable[[Order], Awaitable[MediaJob]]


class FileStore(Protocol):
    """Where files are put."""

    async def put_file(self, key: str, path: Path, content_type: str) -> ObjectRef:
        """Write an object from a file. Raises ApiError."""


@dataclass(frozen=True)
class Offered:
    """A file that is to be taken in: here, or at an address."""

    path: Path | None
    size: int
    mime: str | None = None
    """What its sender says it is."""
    filename: str | None = None
    url: str | None = None
    sha256: str | None = None
    """Of its bytes, in hex, where they came here."""
    keeps_id: bool = False
    """Whether its id is told before it is known whether its bytes are there already."""


class Ingest:
    """Makes and awaits the jobs of media."""

    def __init__(self, edge: Edge, database: Database, files: FileStore, settings: MediaSettings) -> None:
        self._edge = edge
        self._database = database
        self._files = files
        self._settings = settings

    def submit(self, asked: Asked, offered: Offered) -> AbstractAsyncContextManager[Running]:
        """Accept a file; or follow the job that its idempotency key stands for.

        Raises ApiError with nothing accepted: the store is away, the tenant's storage is full.
        """

        async def make(order: Order) -> MediaJob:
            return await self._job(asked.caller, order, offered)

        return submit_job(self._edge, asked, self._wish(make))

    async def taken(self, tenant: str, running: Running) -> tuple[MediaRow, bool] | None:
        """The media of a job, and whether their bytes were there already; None when the client is gone.

        Raises ApiError when the file was refused, or the job failed.
        """
        payload = await result_of(self._edge, running)
        if payload is None:
            return None
        result = MediaResult.model_validate_json(payload)
        return await self._row(tenant, result.media_id), result.is_duplicate

    async def complete(self, caller: Caller, request_id: str, row: MediaRow) -> MediaRow:
        """Take in what a client sent to the store itself. Raises ApiError as `taken` does."""
        span = self._edge.tracing.start("media complete", SpanKind.INTERNAL, None, {})
        asked = Asked(caller=caller, request_id=request_id, span=span, size=row.bytes, is_detached=True)
        with ended(span):
            async with self._completing(asked, row) as running:
                found = await self.taken(caller.tenant, running)
        return found[0] if found else await self._row(caller.tenant, row.media_id)

    @asynccontextmanager
    async def _completing(self, asked: Asked, row: MediaRow) -> AsyncIterator[Running]:
        async def make(_order: Order) -> MediaJob:
            return MediaJob(media_id=row.media_id, source=MediaSource.UPLOADED, mime=row.mime, keeps_id=True)

        async with submit_job(self._edge, asked, self._wish(make)) as running:
            yield running

    def _wish(self, make: Making) -> Wish[MediaJob]:
        return Wish(
            "media", MEDIA, MediaEnvelope, Lane.DEFAULT, make, self._settings.job_seconds, is_metered=False
        )

    async def _job(self, caller: Caller, order: Order, offered: Offered) -> MediaJob:
        """The job of an order, whose record and bytes are where the worker looks for them."""
        named = media_id(order.job_id)
        key = object_key(caller.tenant, named)
        now = datetime.now(UTC)
        row = MediaRow(
            media_id=named,
            tenant=caller.tenant,
            user_id=caller.user_id,
            object_key=key,
            mime=offered.mime,
            bytes=offered.size,
            filename=offered.filename,
            created_at=now,
            expires_at=now + timedelta(seconds=self._settings.upload_seconds),
        )
        async with self._database.begin() as session:
            await begin_media(session, row, self._settings.tenant_bytes)
        source = MediaSource.REMOTE if offered.path is None else MediaSource.STORE
        if offered.path is not None:
            await self._put(caller.tenant, named, offered.path, offered.mime)
            self._edge.failpoints.hit(Moment.PUT)
        return MediaJob(
            media_id=named, source=source, url=offered.url, mime=offered.mime, keeps_id=offered.keeps_id
        )

    async def _put(self, tenant: str, named: str, path: Path, mime: str | None) -> None:
        try:
            await self._files.put_file(object_key(tenant, named), path, mime or UNKNOWN_TYPE)
        except ApiError:
            await self._drop(tenant, named)
            raise

    async def _drop(self, tenant: str, named: str) -> None:
        """Nothing came: what was held for it is free; where that fails, its time is over soon."""
        try:
            async with self._database.begin() as session:
                await remove_media(session, tenant, [named], datetime.now(UTC))
        except ApiError as error:
            log.warning("media_left", extra={"media_id": named, "error": str(error)})

    async def _row(self, tenant: str, named: str) -> MediaRow:
        async with self._database.begin() as session:
            row = await media_of(session, tenant, named, datetime.now(UTC))
        if row is None:
            raise no_media(named)
        return row
