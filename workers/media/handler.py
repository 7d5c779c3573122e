"""Takes files in: the bytes to a file of its own, a look at them, and one record, whatever was tried before.

Only the record counts. An object without one is found by its row, or by the sweeper. So an attempt that dies
anywhere leaves nothing that its successor must mend: it finds the record, or does the same once more.
"""

import asyncio
import logging
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from contracts.envelope import Envelope
from contracts.errors import ApiError, ErrorCode, ErrorType
from contracts.events import Ending
from contracts.frames import FrameKind
from contracts.jobs import MediaJob, MediaResult, MediaSource
from infra.failpoints import Failpoints, Moment
from infra.settings import MediaSettings
from infra.store.media import Seen, object_key, upload_key
from workers.media.inspection import digest
from workers.media.ports import Fetcher, Inspector, Library, Objects
from workers.runtime.attempt import Attempt

FILES = 16
"""Files from the store that are looked at, or wait for it, at once; each takes room on the disk."""
REMOTE_FILES = 64
"""Remote files at once: they come as slowly as their servers like."""
PREFIX = "jan-media-"
REFUSED = frozenset({ErrorType.INVALID_REQUEST, ErrorType.NOT_FOUND})

log = logging.getLogger(__name__)


class MediaWork:
    """The work of this room."""

    def __init__(
        self,
        library: Library,
        objects: Objects,
        fetcher: Fetcher,
        inspector: Inspector,
        settings: MediaSettings,
        failpoints: Failpoints | None = None,
    ) -> None:
        self._library = library
        self._objects = objects
        self._fetcher = fetcher
        self._inspector = inspector
        self._settings = settings
        self._failpoints = failpoints or Failpoints()
        self._places = {
            MediaSource.STORE: asyncio.Semaphore(FILES),
            MediaSource.UPLOADED: asyncio.Semaphore(FILES),
            MediaSource.REMOTE: asyncio.Semaphore(REMOTE_FILES),
        }

    async def run(self, attempt: Attempt[MediaJob]) -> Ending:
        """Take one file in. Raises ApiError for what is refused: nothing of it is left then."""
        envelope = attempt.envelope
        tenant, job = envelope.tenant, envelope.job
        result = await self._library.settled(tenant, job.media_id)
        if result is None:
            try:
                result = await self._take(tenant, job)
            except ApiError as error:
                result = await self._refused(tenant, job.media_id, error)
        self._failpoints.hit(Moment.KEPT)
        attempt.send(FrameKind.RESULT, result.model_dump_json().encode())
        return Ending()

    async def ending_of(self, envelope: Envelope[MediaJob], last: bytes) -> Ending:  # noqa: ARG002
        """There is nothing to tell of it."""
        return Ending()

    async def forget(self, envelope: Envelope[MediaJob]) -> None:
        """A file that was not taken in is not kept; one whose client knows its id may be tried again."""
        if not envelope.job.keeps_id:
            await self._drop(envelope.tenant, envelope.job.media_id)

    async def _refused(self, tenant: str, media_id: str, error: ApiError) -> MediaResult:
        """What another job made of the file meanwhile; else the error: what is refused leaves nothing."""
        if error.detail.type is ErrorType.NOT_FOUND:
            result = await self._library.settled(tenant, media_id)
            if result is not None:
                return result
        if error.detail.type in REFUSED:
            await self._drop(tenant, media_id)
        raise error

    async def _take(self, tenant: str, job: MediaJob) -> MediaResult:
        async with self._places[job.source], _file(self._settings.spool) as path:
            size, declared = await self._bring(tenant, job, path)
            found = await self._inspector.inspect(path, declared)
            seen = Seen(found.mime, size, await digest(path), found.width, found.height)
            if job.source is not MediaSource.STORE:  # what was looked at is what is kept
                await self._objects.put_file(object_key(tenant, job.media_id), path, seen.mime)
        self._failpoints.hit(Moment.SEEN)
        return await self._library.settle(tenant, job.media_id, seen, keeps_id=job.keeps_id)

    async def _bring(self, tenant: str, job: MediaJob, path: Path) -> tuple[int, str | None]:
        """The bytes into a file; how many they are, and what their sender says of them."""
        if job.source is MediaSource.REMOTE:
            if job.url is None:
                raise ApiError(ErrorCode.INTERNAL, "The job names no address")
            fetched = await self._fetcher.fetch(job.url, path)
            return fetched.size, fetched.content_type
        where = upload_key if job.source is MediaSource.UPLOADED else object_key
        key = where(tenant, job.media_id)
        return await self._objects.get_file(key, path, self._settings.max_bytes), job.mime

    async def _drop(self, tenant: str, media_id: str) -> None:
        """Remove what was refused; where that fails, its time is over soon."""
        try:
            await self._library.drop(tenant, media_id)
        except ApiError as error:
            log.warning("media_left", extra={"media_id": media_id, "error": str(error)})


@asynccontextmanager
async def _file(folder: Path | None) -> AsyncIterator[Path]:
    """A file of its own until the block ends."""
    with tempfile.TemporaryDirectory(prefix=PREFIX, dir=folder) as place:
        yield Path(place) / "file"
