"""Media of a chat, from the tenant's own: looked up once for a job, read once where a provider wants data."""

import base64
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence, Set
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol, TypeVar

from contracts.envelope import Envelope
from contracts.errors import ApiError, ErrorCode
from contracts.jobs import CompletionJob
from contracts.media import media_counts, media_ids, with_parts
from infra.database import Database
from infra.objects import ObjectMissing
from infra.presigning import Presigner
from infra.settings import MediaSettings
from infra.store.media import STORED, MediaRow, media_of_all, no_media
from workers.completion.core.jsontext import JsonObject
from workers.completion.media.gate import ByteGate

PARAM = "messages"
LINK = "link"
MOST = 1_000
"""Images in one request, as often as they stand there."""
AT_ONCE = 2
"""So many times the most that one request may carry, in the whole process: until its answer has ended, each
byte of them takes almost three of memory, as text and in the body that is sent."""

T = TypeVar("T")


class Objects(Protocol):
    """Where the bytes lie."""

    async def get(self, key: str) -> bytes:
        """Read an object. Raises ObjectMissing, or ApiError."""


class Patience(Protocol):
    """How long somebody waits for the database."""

    async def until_done(self, work: Callable[[], Awaitable[T]], deadline: datetime) -> T:
        """What a transaction came to, tried again while the database is away. Raises ApiError."""


class StoredMedia:
    """Finds the media of jobs."""

    def __init__(
        self,
        database: Database,
        objects: Objects,
        presigner: Presigner,
        settings: MediaSettings,
        patience: Patience,
    ) -> None:
        self._database = database
        self._patience = patience
        self._objects = objects
        self._presigner = presigner
        self._settings = settings
        self._gate = ByteGate(AT_ONCE * settings.inline_bytes)

    @asynccontextmanager
    async def of(
        self, envelope: Envelope[CompletionJob], given: JsonObject, body: JsonObject
    ) -> AsyncIterator["Pictures"]:
        """The media of a job. Raises ApiError: 404 for what the client names and has not, 400 for what it has
        not uploaded; words stand for what a history names and is gone."""
        counts = media_counts(body.get("messages"))
        if counts.total() > MOST:
            message = f"One request may hold at most {MOST:,} images of ours; this one has {counts.total():,}"
            raise ApiError(ErrorCode.INVALID_VALUE, message, param=PARAM)
        rows = await self._rows(envelope, list(counts)) if counts else {}
        asked = media_ids(given.get("messages"))
        _check(asked, rows)
        usable = {one: row for one, row in rows.items() if row.state == STORED}
        gone = {one: _words(one) for one in counts if one not in usable}
        if gone:
            body = body | {"messages": with_parts(body["messages"], gone)}
        async with AsyncExitStack() as held:
            named = Named(list(usable.values()), counts, frozenset(asked))
            yield Pictures(body, named, held, self)

    async def inline(self, named: "Named", held: AsyncExitStack) -> dict[str, JsonObject | str]:
        """Data URLs, held in memory until the stack is left; words for what is gone. Raises ApiError."""
        size = sum(row.bytes * named.counts[row.media_id] for row in named.rows)
        if size > self._settings.inline_bytes:
            message = (
                f"The media of this request have {size:,} bytes together; "
                f"at most {self._settings.inline_bytes:,} can be sent to this provider"
            )
            raise ApiError(ErrorCode.BODY_TOO_LARGE, message, param=PARAM)
        await held.enter_async_context(self._gate.held(size))
        return {row.media_id: await self._part(row, named.asked) for row in named.rows}

    def links(self, rows: Sequence[MediaRow]) -> dict[str, JsonObject | str]:
        """Fresh links."""
        return {
            row.media_id: self._presigner.get(
                row.object_key,
                content_type=row.mime or "",
                filename=row.filename,
                seconds=self._settings.link_seconds,
            )
            for row in rows
        }

    async def _rows(self, envelope: Envelope[CompletionJob], named: Sequence[str]) -> dict[str, MediaRow]:
        async def read() -> dict[str, MediaRow]:
            async with self._database.begin() as session:
                return await media_of_all(session, envelope.tenant, named, datetime.now(UTC))

        return await self._patience.until_done(read, envelope.deadline)

    async def _part(self, row: MediaRow, asked: Set[str]) -> JsonObject | str:
        try:
            data = await self._objects.get(row.object_key)
        except ObjectMissing as error:  # deleted since its row was read
            if row.media_id in asked:
                raise no_media(row.media_id, PARAM) from error
            return _words(row.media_id)
        return f"data:{row.mime};base64,{base64.b64encode(data).decode()}"


@dataclass(frozen=True)
class Named:
    """What a job names and has."""

    rows: Sequence[MediaRow]
    counts: Mapping[str, int]
    """How often each stands in its messages."""
    asked: Set[str]
    """What its client names: that must be there, other than what its history names."""


class Pictures:
    """The media of one job."""

    def __init__(self, body: JsonObject, named: Named, held: AsyncExitStack, media: StoredMedia) -> None:
        self.body = body
        """With words in the place of what is there no more."""
        self._named = named
        self._held = held
        self._media = media
        self._inline: dict[str, JsonObject | str] | None = None

    async def told(self, body: JsonObject, way: str) -> JsonObject:
        """A body as a provider reads it. Raises ApiError."""
        if not self._named.rows:
            return body
        if way == LINK:
            parts = self._media.links(self._named.rows)
        else:
            if self._inline is None:
                self._inline = await self._media.inline(self._named, self._held)
            parts = self._inline
        return body | {"messages": with_parts(body["messages"], parts)}


def _check(named: Sequence[str], rows: Mapping[str, MediaRow]) -> None:
    for one in named:
        row = rows.get(one)
        if row is None:
            raise no_media(one, PARAM)
        if row.state != STORED:
            message = f"The media {one!r} has not been uploaded yet"
            raise ApiError(ErrorCode.INVALID_VALUE, message, param=PARAM)


def _words(named: str) -> JsonObject:
    return {"type": "text", "text": f"[image {named} is no longer available]"}
