"""A media desk and what stands around it: a real database, a store and a worker of tests."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from api_edge.media.desk import Asking, MediaDesk
from contracts.envelope import Caller
from contracts.errors import ApiError
from contracts.wire.media import ResolveAsk, UploadAsk
from infra.database import Database
from infra.objects import ObjectError, ObjectMissing, ObjectStat
from infra.store.media import (
    MediaRow,
    Seen,
    finish_media,
    garbage,
    media_of,
    object_key,
    upload_key,
    used_bytes,
)

NOW = datetime(2026, 6, 1, tzinfo=UTC)
LIMIT = 1_000
"""Bytes that a tenant's media may take."""
LARGEST = 400
"""Bytes of one file."""
ME = Asking(Caller(user_id="u", tenant="t"), "req_1")
OTHER = Asking(Caller(user_id="o", tenant="other"), "req_2")
PNG = UploadAsk.model_validate({"mime_type": "image/png", "bytes": 100})


@dataclass
class Objects:
    """The sizes of what clients have sent, by key; a store that may be away."""

    sizes: dict[str, int] = field(default_factory=dict)
    is_away: bool = False

    async def stat(self, key: str) -> ObjectStat:
        if self.is_away:
            raise ObjectError("The object store does not answer")
        if key not in self.sizes:
            raise ObjectMissing
        return ObjectStat(self.sizes[key], "image/png", NOW)

    async def delete_all(self, keys: Sequence[str]) -> list[str]:
        if self.is_away:
            raise ObjectError("The object store does not answer")
        for key in keys:
            self.sizes.pop(key, None)
        return []


@dataclass
class Completing:
    """Takes in what is asked of it, as the worker would. Files differ, unless `same`
    says otherwise."""

    database: Database
    objects: Objects
    asked: list[str] = field(default_factory=list)
    same: str | None = None
    refusal: ApiError | None = None

    async def complete(self, caller: Caller, request_id: str, row: MediaRow) -> MediaRow:
        assert request_id in ("req_1", "req_2")
        self.asked.append(row.media_id)
        if self.refusal is not None:
            raise self.refusal
        self.objects.sizes[object_key(caller.tenant, row.media_id)] = 40
        seen = Seen("image/png", 40, self.same or row.media_id.ljust(64, "0"), 3, 2)
        now = datetime.now(UTC)
        async with self.database.begin() as session:
            taken = await finish_media(
                session,
                caller.tenant,
                row.media_id,
                seen,
                now=now,
                expires_at=now + timedelta(days=1),
                limit=LIMIT,
                keeps_id=True,
            )
        return taken.row


@dataclass
class Room:
    """A desk, and what stands around it."""

    desk: MediaDesk
    objects: Objects
    completing: Completing
    database: Database

    async def prepared(self, asking: Asking = ME) -> str:
        """An upload that nothing was sent for."""
        return (await self.desk.prepare(asking.caller, PNG)).id

    async def sent(self, asking: Asking = ME, size: int = 40) -> str:
        """An upload that was sent, and that nobody has looked at."""
        named = await self.prepared(asking)
        self.objects.sizes[upload_key(asking.caller.tenant, named)] = size
        return named

    async def taken(self, asking: Asking = ME) -> str:
        """Media that are there."""
        named = await self.sent(asking)
        await self.desk.complete(asking, named)
        return named

    async def used(self) -> int:
        async with self.database.begin() as session:
            return await used_bytes(session, "t")

    async def row(self, named: str) -> MediaRow | None:
        async with self.database.begin() as session:
            return await media_of(session, "t", named, datetime.now(UTC))

    async def garbage(self) -> list[str]:
        async with self.database.begin() as session:
            return await garbage(session, 10)


def resolve_ask(**given: Any) -> ResolveAsk:
    """What a client asks to be resolved."""
    return ResolveAsk.model_validate(given)


async def used(room: Room, use: str, named: str, asking: Asking = ME) -> None:
    """Use media in one of the ways that there are."""
    desk = room.desk
    match use:
        case "complete":
            await desk.complete(asking, named)
        case "show":
            await desk.show(asking, named)
        case "link":
            await desk.link(asking, named)
        case "row":
            await desk.row(asking, named)
        case "check":
            await desk.check(asking.caller, asking.request_id, [named], "messages")
        case "resolve ids":
            await desk.resolve(asking, resolve_ask(ids=[named]))
        case "delete":
            await desk.delete(asking.caller, named)
        case _:
            await desk.resolve(asking, resolve_ask(payload={"a": [named]}))
