"""Taking files in, in memory: what is kept, what is dropped, and what a second attempt does."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from contracts.envelope import Caller, Lane
from contracts.errors import ApiError, ErrorCode
from contracts.frames import FrameKind, payload_of
from contracts.ids import media_id
from contracts.jobs import MediaEnvelope, MediaJob, MediaResult, MediaSource, ObjectRef
from infra.settings import MediaSettings
from infra.store.media import Seen, object_key
from infra.telemetry.passing import PassingTracing
from infra.telemetry.spans import SpanKind
from workers.media.handler import MediaWork
from workers.runtime.attempt import Attempt

JOB = "01ARYZ6S41TSV4RRFFQ69G5FAV"
NAMED = media_id(JOB)
KEY = object_key("t1", NAMED)
PNG = b"as good as a png"
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@dataclass
class Objects:
    """A store in memory."""

    held: dict[str, bytes] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)

    async def get_file(self, key: str, path: Path, most: int) -> int:
        if key not in self.held:
            raise ApiError(ErrorCode.NOT_FOUND, "The object does not exist")
        assert len(self.held[key]) <= most
        return _write(path, self.held[key])

    async def put_file(self, key: str, path: Path, content_type: str) -> ObjectRef:
        self.held[key] = _read(path)
        self.types[key] = content_type
        return ObjectRef(bucket="jan", key=key, size=len(self.held[key]))


@dataclass(frozen=True)
class Fetched:
    """A remote file."""

    content_type: str | None
    size: int


@dataclass
class Fetcher:
    """The world outside: one file."""

    content_type: str | None = "image/png"
    asked: list[str] = field(default_factory=list)

    async def fetch(self, url: str, into: Path) -> Fetched:
        self.asked.append(url)
        return Fetched(self.content_type, _write(into, PNG))


@dataclass(frozen=True)
class Inspected:
    """A dot."""

    mime: str = "image/png"
    width: int = 1
    height: int = 2


@dataclass
class Inspector:
    """Believes everything, unless it is told what is wrong."""

    error: ApiError | None = None
    declared: list[str | None] = field(default_factory=list)

    async def inspect(self, path: Path, declared: str | None) -> Inspected:
        assert _read(path) == PNG
        self.declared.append(declared)
        if self.error is not None:
            raise self.error
        return Inspected()


@dataclass
class Library:
    """Records in memory: ids that are awaited, and what became of others."""

    awaited: set[str] = field(default_factory=lambda: {NAMED})
    results: dict[str, MediaResult] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    twin: str | None = None
    error: ApiError | None = None

    async def settled(self, tenant: str, media_id: str) -> MediaResult | None:
        assert tenant == "t1"
        if media_id not in self.awaited and media_id not in self.results:
            raise ApiError(ErrorCode.MEDIA_NOT_FOUND, "There is no such media")
        return self.results.get(media_id)

    async def settle(self, tenant: str, media_id: str, seen: Seen, *, keeps_id: bool) -> MediaResult:
        assert tenant == "t1"
        if self.error is not None:
            raise self.error
        self.seen.append(seen)
        self.awaited.remove(media_id)
        own = self.twin is None or keeps_id
        result = MediaResult(
            media_id=media_id if own else self.twin or "", is_duplicate=self.twin is not None
        )
        self.results[media_id] = result
        return result

    async def drop(self, tenant: str, media_id: str) -> None:
        assert tenant == "t1"
        self.awaited.discard(media_id)


@dataclass
class Log:
    """What the job told."""

    attempt: int = 1
    frames: list[bytes] = field(default_factory=list)

    @property
    def seq(self) -> int:
        return len(self.frames)

    def append(self, frame: bytes) -> None:
        self.frames.append(frame)

    async def room(self) -> None:
        """There is always some."""

    async def flushed(self) -> None:
        """It always is."""

    def result(self) -> MediaResult:
        (frame,) = self.frames
        assert frame[0] == FrameKind.RESULT
        return MediaResult.model_validate_json(payload_of(frame))


@dataclass
class Room:
    """The work, and what it works with."""

    objects: Objects = field(default_factory=lambda: Objects({KEY: PNG}))
    fetcher: Fetcher = field(default_factory=Fetcher)
    inspector: Inspector = field(default_factory=Inspector)
    shelves: Library = field(default_factory=Library)

    @property
    def work(self) -> MediaWork:
        return MediaWork(self.shelves, self.objects, self.fetcher, self.inspector, MediaSettings())

    async def do(self, job: MediaJob) -> MediaResult:
        log = Log()
        span = PassingTracing().start("media", SpanKind.CONSUMER, None, {})
        await self.work.run(Attempt(envelope(job), log, span, 60.0, lambda: None))
        return log.result()


def envelope(job: MediaJob) -> MediaEnvelope:
    return MediaEnvelope(
        job_id=JOB,
        kind="media",
        tenant="t1",
        caller=Caller(user_id="u1", tenant="t1"),
        lane=Lane.DEFAULT,
        asked_at=NOON,
        deadline=NOON + timedelta(minutes=2),
        job=job,
    )


STORED = MediaJob(media_id=NAMED, source=MediaSource.STORE, mime="image/png")
REMOTE = MediaJob(media_id=NAMED, source=MediaSource.REMOTE, url="https://pictures.example/a.png")


async def test_a_file_in_the_store_is_looked_at_and_recorded() -> None:
    room = Room()

    result = await room.do(STORED)

    assert result == MediaResult(media_id=NAMED)
    (seen,) = room.shelves.seen
    assert (seen.mime, seen.bytes, seen.width, seen.height) == ("image/png", len(PNG), 1, 2)
    assert seen.sha256 == sha256(PNG).hexdigest()
    assert room.inspector.declared == ["image/png"]


async def test_a_remote_file_is_put_into_the_store_once_it_was_looked_at() -> None:
    room = Room(objects=Objects())

    result = await room.do(REMOTE)

    assert result.media_id == NAMED
    assert room.fetcher.asked == ["https://pictures.example/a.png"]
    assert room.objects.held == {KEY: PNG}
    assert room.objects.types == {KEY: "image/png"}


async def test_a_remote_file_that_is_refused_is_never_stored() -> None:
    refusal = ApiError(ErrorCode.UNSUPPORTED_MEDIA_TYPE, "no image")
    room = Room(objects=Objects(), inspector=Inspector(refusal))

    with pytest.raises(ApiError, match="no image"):
        await room.do(REMOTE)

    assert room.objects.held == {}
    assert room.shelves.awaited == set()


async def test_a_duplicate_tells_the_first_ones_id() -> None:
    room = Room(shelves=Library(twin="jan_01ary"))

    assert await room.do(STORED) == MediaResult(media_id="jan_01ary", is_duplicate=True)


async def test_a_duplicate_keeps_an_id_that_was_told() -> None:
    room = Room(shelves=Library(twin="jan_01ary"))

    result = await room.do(STORED.model_copy(update={"keeps_id": True}))

    assert result == MediaResult(media_id=NAMED, is_duplicate=True)


async def test_an_attempt_after_a_lost_one_tells_what_became_of_the_file_without_its_bytes() -> None:
    room = Room()
    first = await room.do(STORED)
    room.objects.held.clear()

    assert await room.do(STORED) == first
    assert len(room.shelves.seen) == 1


async def test_a_file_that_was_deleted_meanwhile_is_not_taken_in() -> None:
    room = Room(shelves=Library(awaited=set()))

    with pytest.raises(ApiError) as raised:
        await room.do(STORED)

    assert raised.value.detail.code == ErrorCode.MEDIA_NOT_FOUND


async def test_a_file_that_is_not_there_is_dropped() -> None:
    room = Room(objects=Objects())

    with pytest.raises(ApiError) as raised:
        await room.do(STORED)

    assert raised.value.detail.status == 404
    assert room.shelves.awaited == set()


async def test_a_file_stays_awaited_while_something_of_ours_is_away() -> None:
    down = ApiError(ErrorCode.DEPENDENCY_DOWN, "The database does not answer")
    room = Room(shelves=Library(error=down))

    with pytest.raises(ApiError, match="does not answer"):
        await room.do(STORED)

    assert room.shelves.awaited == {NAMED}


async def test_a_job_that_ended_without_taking_its_file_in_leaves_nothing() -> None:
    room = Room()

    await room.work.forget(envelope(STORED))

    assert room.shelves.awaited == set()


async def test_a_file_whose_id_was_told_may_be_tried_again() -> None:
    room = Room()

    await room.work.forget(envelope(STORED.model_copy(update={"keeps_id": True})))

    assert room.shelves.awaited == {NAMED}


def _read(path: Path) -> bytes:
    return path.read_bytes()


def _write(path: Path, data: bytes) -> int:
    return path.write_bytes(data)
