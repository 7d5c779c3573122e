"""A tenant's media: prepared, completed, shown, linked to, deleted."""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from api_edge.errors import shown
from api_edge.media.links import Links
from api_edge.middleware.paging import PageAsk, page_of
from contracts.envelope import Caller
from contracts.errors import ApiError, ErrorCode
from contracts.ids import is_media_id, media_id, new_ulid
from contracts.media import places, references, replaced
from contracts.wire.lists import Page
from contracts.wire.media import (
    MIMES,
    BulkDeleted,
    Json,
    Media,
    MediaLink,
    PostForm,
    ResolveAsk,
    ResolvedMedia,
    Upload,
    UploadAsk,
)
from infra.database import Database
from infra.objects import ObjectMissing, ObjectStat
from infra.presigning import safe_name
from infra.store.media import (
    AWAITING,
    MediaRow,
    begin_media,
    forget_garbage,
    known_keys,
    media_of_all,
    media_page,
    no_media,
    remove_media,
    upload_key,
)

ALIASES = {"image/jpg": "image/jpeg"}
MOST = 1_000
"""References in one request; each costs a look, and a link that is far longer than itself."""

log = logging.getLogger(__name__)


class Objects(Protocol):
    """The store, as the desk uses it."""

    async def stat(self, key: str) -> ObjectStat:
        """What the store says of an object. Raises ObjectMissing, or ApiError."""

    async def delete_all(self, keys: Sequence[str]) -> list[str]:
        """Delete many objects; the keys of those that could not be deleted. Raises ApiError."""


class Completing(Protocol):
    """Takes in what a client sent to the store itself."""

    async def complete(self, caller: Caller, request_id: str, row: MediaRow) -> MediaRow:
        """The stored row. Raises ApiError where the file is refused."""


@dataclass(frozen=True)
class Asking:
    """Who asks, by which request."""

    caller: Caller
    request_id: str


@dataclass(frozen=True)
class MediaDesk:
    """What becomes of a tenant's media."""

    database: Database
    objects: Objects
    completing: Completing
    links: Links

    async def prepare(self, caller: Caller, ask: UploadAsk) -> Upload:
        """Await a file that the client sends to the store itself. Raises ApiError: 413, 415."""
        settings, now = self.links.settings, datetime.now(UTC)
        mime = ALIASES.get(ask.mime_type.strip().lower(), ask.mime_type.strip().lower())
        if mime not in MIMES:
            message = f"mime_type must be one of {', '.join(MIMES)}"
            raise ApiError(ErrorCode.UNSUPPORTED_MEDIA_TYPE, message, param="mime_type")
        most = ask.bytes or settings.max_bytes
        if most > settings.max_bytes:
            message = f"bytes may be at most {settings.max_bytes:,}"
            raise ApiError(ErrorCode.BODY_TOO_LARGE, message, param="bytes")
        named = media_id(new_ulid())
        row = MediaRow(
            media_id=named,
            tenant=caller.tenant,
            user_id=caller.user_id,
            object_key=upload_key(caller.tenant, named),
            mime=mime,
            bytes=most,
            filename=safe_name(ask.filename) or None,
            is_own_upload=True,
            created_at=now,
            expires_at=now + timedelta(seconds=settings.upload_seconds),
        )
        async with self.database.begin() as session:
            await begin_media(session, row, settings.tenant_bytes)
        return self._upload(named, upload_key(caller.tenant, named), mime, most)

    async def complete(self, asking: Asking, named: str) -> Media:
        """Take in what was sent; again, it changes nothing. Raises ApiError: 404, or why it is refused."""
        rows = await self._ready(asking, [named], None)
        return self.links.media_of_row(rows[named])

    async def show(self, asking: Asking, named: str) -> Media:
        """Media, taken in now if they were sent. Raises ApiError: 404, or why they are refused."""
        row = (await self._rows(asking.caller, [named], None))[named]
        if row.state == AWAITING and row.is_own_upload and await self._has_come(row):
            row = await self.completing.complete(asking.caller, asking.request_id, row)
        return self.links.media_of_row(row)

    async def link(self, asking: Asking, named: str) -> MediaLink:
        """A fresh link. Raises ApiError: 404, or 400 where there is nothing to link to yet."""
        return self.links.link((await self._ready(asking, [named], None))[named])

    async def row(self, asking: Asking, named: str) -> MediaRow:
        """A row whose object is there. Raises ApiError as `link`."""
        return (await self._ready(asking, [named], None))[named]

    async def check(self, caller: Caller, request_id: str, named: Collection[str], param: str) -> None:
        """Make sure that all of these can be used. Raises ApiError naming the first that cannot."""
        await self._ready(Asking(caller, request_id), named, param)

    async def resolve(self, asking: Asking, ask: ResolveAsk) -> ResolvedMedia:
        """Links for all ids, or none; or the payload with links in it. Raises ApiError as `check`."""
        if ask.ids is not None:
            named = list(dict.fromkeys(ask.ids))
            rows = await self._ready(asking, named, "ids")
            return ResolvedMedia(media=[self.links.resolved(rows[one]) for one in named])
        _check_count(places(ask.payload), "payload")
        rows = await self._ready(asking, references(ask.payload), "payload")
        resolved = [self.links.resolved(row) for row in rows.values()]
        payload: Json = replaced(ask.payload, {one.id: one.presigned_url for one in resolved})
        return ResolvedMedia(media=resolved, payload=payload)

    async def page(self, caller: Caller, wanted: PageAsk) -> Page[Media]:
        """A part of a tenant's media. Raises ApiError for an unknown `after`."""
        async with self.database.begin() as session:
            rows, has_more = await media_page(
                session,
                caller.tenant,
                datetime.now(UTC),
                limit=wanted.limit,
                after=wanted.after,
                order=wanted.order,
            )
        return page_of([self.links.media_of_row(row) for row in rows], has_more, lambda media: media.id)

    async def delete(self, caller: Caller, named: str) -> None:
        """Delete media. Raises ApiError, 404."""
        await self._rows(caller, [named], None)
        if not await self._remove(caller, [named]):  # somebody was faster
            raise no_media(named)

    async def delete_many(self, caller: Caller, named: Sequence[str]) -> BulkDeleted:
        """Delete those of these media that there are."""
        wanted = list(dict.fromkeys(named))
        gone = await self._remove(caller, wanted)
        return BulkDeleted(
            deleted=[one for one in wanted if one in gone],
            not_found=[one for one in wanted if one not in gone],
            deleted_count=len(gone),
        )

    def _upload(self, named: str, key: str, mime: str, most: int) -> Upload:
        seconds = self.links.settings.link_seconds
        url = self.links.presigner.put(key, seconds=seconds)
        form = self.links.presigner.post(key, content_type=mime, least=1, most=most, seconds=seconds)
        return Upload(
            id=named,
            jan_id=named,
            upload_url=url,
            presigned_url=url,
            presigned_post=PostForm(url=form.url, fields=form.fields),
            mime_type=mime,
            max_bytes=most,
            expires_in=seconds,
        )

    async def _rows(self, caller: Caller, named: Collection[str], param: str | None) -> dict[str, MediaRow]:
        """All of these rows, in this order. Raises ApiError, 404, naming the first that is not there."""
        if not named:
            return {}
        _check_count(len(named), param)
        async with self.database.begin() as session:
            rows = await media_of_all(session, caller.tenant, _ids(named), datetime.now(UTC))
        unknown = next((one for one in named if one not in rows), None)
        if unknown is not None:
            raise no_media(shown(unknown), param)
        return {one: rows[one] for one in named}

    async def _ready(self, asking: Asking, named: Collection[str], param: str | None) -> dict[str, MediaRow]:
        """The same, and each of them stored: what a client sent to the store is taken in now."""
        rows = await self._rows(asking.caller, named, param)
        for one, row in rows.items():
            if row.state == AWAITING:
                if not row.is_own_upload or not await self._has_come(row):
                    raise not_ready(one, param)
                rows[one] = await self.completing.complete(asking.caller, asking.request_id, row)
        return rows

    async def _has_come(self, row: MediaRow) -> bool:
        """Whether a client has sent its file. Raises ApiError, 413, where it is larger than was agreed: it is
        removed then."""
        try:
            size = (await self.objects.stat(row.object_key)).size
        except ObjectMissing:
            return False
        if size <= row.bytes:
            return True
        async with self.database.begin() as session:
            await remove_media(session, row.tenant, [row.media_id], datetime.now(UTC))
        message = f"What was uploaded as {row.media_id} has {size:,} bytes; {row.bytes:,} were agreed"
        raise ApiError(ErrorCode.BODY_TOO_LARGE, message)

    async def _remove(self, caller: Caller, named: Sequence[str]) -> set[str]:
        """Delete rows, and then what objects nobody names any more; the sweeper does what fails here."""
        async with self.database.begin() as session:
            rows = await remove_media(session, caller.tenant, _ids(named), datetime.now(UTC))
        try:
            await self._clear([row.object_key for row in rows])
        except ApiError as error:
            log.warning("objects_left", extra={"error": str(error)})
        return {row.media_id for row in rows}

    async def _clear(self, keys: Sequence[str]) -> None:
        async with self.database.begin() as session:
            named = await known_keys(session, keys)
        unnamed = [key for key in keys if key not in named]
        left = set(await self.objects.delete_all(unnamed))
        async with self.database.begin() as session:
            await forget_garbage(session, [key for key in unnamed if key not in left])


def _ids(named: Collection[str]) -> list[str]:
    """What of these can be an id: the rest is not asked for."""
    return [one for one in named if is_media_id(one)]


def _check_count(count: int, param: str | None) -> None:
    if count > MOST:
        message = f"One request may name at most {MOST:,} media; this one names {count:,}"
        raise ApiError(ErrorCode.INVALID_VALUE, message, param=param)


def not_ready(named: str, param: str | None) -> ApiError:
    """What is answered for media whose bytes have not come yet."""
    return ApiError(ErrorCode.INVALID_VALUE, f"The media {named!r} has not been uploaded yet", param=param)
