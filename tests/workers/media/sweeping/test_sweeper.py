"""The sweeper on a real database and a real store: what is old goes, and what is in use stays."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from typing_extensions import override

from contracts.errors import ApiError, ErrorCode
from contracts.ids import media_id, new_ulid
from infra.database import Database, open_database
from infra.migrations.upgrade import upgrade
from infra.objects import ObjectMissing, ObjectStore, open_objects
from infra.settings import DatabaseSettings, MediaSettings, ObjectSettings
from infra.store.media import (
    MediaRow,
    Seen,
    begin_media,
    finish_media,
    garbage,
    object_key,
    remove_media,
    used_bytes,
)
from tests.infra.store.scratch import scratch_database
from workers.media.sweeping import Sweeper, swept
from workers.media.sweeping.sweeper import Swept

AT_ONCE = MediaSettings(orphan_seconds=0.001)


@dataclass(frozen=True)
class Shelf:
    """A tenant of its own, with the store."""

    database: Database
    objects: ObjectStore
    tenant: str

    async def stored(self, *, expires_in: float = 3_600.0, is_finished: bool = True) -> str:
        """Media with an object; their id."""
        now = datetime.now(UTC)
        named = media_id(new_ulid())
        key = object_key(self.tenant, named)
        row = MediaRow(
            media_id=named,
            tenant=self.tenant,
            user_id="u",
            object_key=key,
            bytes=9,
            created_at=now,
            expires_at=now + timedelta(seconds=expires_in),
        )
        async with self.database.begin() as session:
            await begin_media(session, row, 0)
            if is_finished:
                seen = Seen("image/png", 9, named.rjust(64, "0"), 1, 1)
                await finish_media(
                    session,
                    self.tenant,
                    named,
                    seen,
                    now=now,
                    expires_at=row.expires_at,
                    limit=0,
                    keeps_id=False,
                )
        await self.objects.put(key, b"123456789", "image/png")
        return named

    async def has(self, key: str) -> bool:
        try:
            await self.objects.stat(key)
        except ObjectMissing:
            return False
        return True

    async def used(self) -> int:
        async with self.database.begin() as session:
            return await used_bytes(session, self.tenant)


@pytest.fixture
async def shelf(database: DatabaseSettings, objects: ObjectSettings) -> AsyncIterator[Shelf]:
    own = objects.model_copy(update={"bucket": f"sweep-{new_ulid().lower()}"})
    async with scratch_database(database) as scratch, open_objects(own) as store:
        await upgrade(scratch)
        await store.ensure_bucket()
        async with open_database(scratch) as opened:
            yield Shelf(opened, store, f"t-{new_ulid()}")


@pytest.mark.stack
async def test_media_whose_time_is_over_go_with_their_objects(shelf: Shelf) -> None:
    old = await shelf.stored(expires_in=-1)
    never_came = await shelf.stored(expires_in=-1, is_finished=False)
    young, awaited = await shelf.stored(), await shelf.stored(is_finished=False)

    removed = await Sweeper(shelf.database, shelf.objects, MediaSettings()).sweep(looks_everywhere=True)

    assert removed.media == 2
    there = {one: await shelf.has(object_key(shelf.tenant, one)) for one in (old, never_came, young, awaited)}
    assert there == {old: False, never_came: False, young: True, awaited: True}
    assert await shelf.used() == 18


@pytest.mark.stack
async def test_deleted_media_leave_no_object(shelf: Shelf) -> None:
    named = await shelf.stored()
    async with shelf.database.begin() as session:
        await remove_media(session, shelf.tenant, [named], datetime.now(UTC))

    removed = await Sweeper(shelf.database, shelf.objects, MediaSettings()).sweep(looks_everywhere=False)

    assert removed.objects == 1
    assert removed.orphans == 0
    assert not await shelf.has(object_key(shelf.tenant, named))
    async with shelf.database.begin() as session:
        assert object_key(shelf.tenant, named) not in await garbage(session, 100_000)


@pytest.mark.stack
async def test_objects_that_nobody_names_go_when_they_are_old(shelf: Shelf) -> None:
    named = await shelf.stored()
    orphans = [f"media/{shelf.tenant}/orphan-{number}" for number in range(3)]
    for key in orphans:
        await shelf.objects.put(key, b"x", "image/png")

    await Sweeper(shelf.database, shelf.objects, MediaSettings()).sweep(looks_everywhere=True)
    assert [await shelf.has(key) for key in orphans] == [True] * 3

    async def is_swept() -> bool:  # the store tells whole seconds
        await Sweeper(shelf.database, shelf.objects, AT_ONCE).sweep(looks_everywhere=True)
        return not any([await shelf.has(key) for key in orphans])

    async with asyncio.timeout(10):
        while not await is_swept():
            pass
    assert await shelf.has(object_key(shelf.tenant, named))


@pytest.mark.stack
async def test_a_body_that_waits_for_its_job_stays(shelf: Shelf) -> None:
    key = f"claim-check/{shelf.tenant}/{new_ulid()}.json"
    await shelf.objects.put(key, b"{}", "application/json")

    await Sweeper(shelf.database, shelf.objects, AT_ONCE).sweep(looks_everywhere=True)

    assert await shelf.has(key)


class Broken(ObjectStore):
    """A store that deletes nothing."""

    def __init__(self) -> None:
        """It needs nothing."""

    @override
    async def delete_all(self, keys: Sequence[str]) -> list[str]:
        return list(keys)


@pytest.mark.stack
async def test_what_could_not_be_deleted_is_tried_again(shelf: Shelf) -> None:
    named = await shelf.stored(expires_in=-1)

    await Sweeper(shelf.database, Broken(), MediaSettings()).sweep(looks_everywhere=False)

    async with shelf.database.begin() as session:
        assert object_key(shelf.tenant, named) in await garbage(session, 100_000)
    await Sweeper(shelf.database, shelf.objects, MediaSettings()).sweep(looks_everywhere=False)
    assert not await shelf.has(object_key(shelf.tenant, named))


@dataclass
class Rounds:
    """Rounds that fail, or end, as told; and what was counted of them."""

    plan: list[Exception | Swept]
    looked: list[bool] = field(default_factory=list)
    counted: dict[str, int] = field(default_factory=dict)
    is_over: asyncio.Event = field(default_factory=asyncio.Event)

    async def sweep(self, *, looks_everywhere: bool) -> Swept:
        if not self.plan:
            self.is_over.set()
            return Swept()
        self.looked.append(looks_everywhere)
        now = self.plan.pop(0)
        if isinstance(now, Exception):
            raise now
        return now

    def swept(self, what: str, count: int) -> None:
        self.counted[what] = self.counted.get(what, 0) + count


async def test_a_round_that_fails_ends_no_other() -> None:
    down = ApiError(ErrorCode.DEPENDENCY_DOWN, "The store does not answer")
    rounds = Rounds([down, ValueError("unforeseen"), Swept(media=2), Swept(orphans=1)])

    async with swept(rounds, 0.001, rounds):
        await asyncio.wait_for(rounds.is_over.wait(), 5)

    assert rounds.looked == [True, True, True, False]
    assert rounds.counted == {"media": 2, "objects": 0, "orphans": 1, "claims": 0}
