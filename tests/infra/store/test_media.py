"""Media in the store, on a real database: one object for the same bytes, and never more than is allowed."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import select

from contracts.errors import ApiError, ErrorCode
from contracts.ids import media_id, new_ulid
from infra.database import Database
from infra.store.media import (
    MERGED,
    STORED,
    MediaRow,
    Seen,
    Taken,
    begin_media,
    expired_media,
    finish_media,
    forget_garbage,
    garbage,
    ingest_of,
    known_keys,
    media_of,
    media_of_all,
    media_page,
    object_key,
    remove_media,
    upload_key,
    used_bytes,
)

pytestmark = pytest.mark.stack

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(days=30)
LIMIT = 10_000
HELD = 100


def seen(sha256: str = "a" * 64, size: int = 40) -> Seen:
    return Seen("image/png", size, sha256, 3, 2)


def new_tenant() -> str:
    return f"t-{new_ulid()}"


async def begun(
    store: Database, tenant: str, *, held: int = HELD, limit: int = LIMIT, is_own_upload: bool = False
) -> str:
    """Media that are awaited; their id."""
    named = media_id(new_ulid())
    row = MediaRow(
        media_id=named,
        tenant=tenant,
        user_id="u",
        object_key=(upload_key if is_own_upload else object_key)(tenant, named),
        is_own_upload=is_own_upload,
        bytes=held,
        created_at=NOW,
        expires_at=NOW + timedelta(hours=1),
    )
    async with store.begin() as session:
        await begin_media(session, row, limit)
    return named


async def finished(
    store: Database,
    tenant: str,
    named: str,
    what: Seen | None = None,
    *,
    keeps_id: bool = False,
    limit: int = LIMIT,
) -> Taken:
    async with store.begin() as session:
        return await finish_media(
            session,
            tenant,
            named,
            what or seen(),
            now=NOW,
            expires_at=LATER,
            limit=limit,
            keeps_id=keeps_id,
        )


async def removed(store: Database, tenant: str, *named: str) -> list[str]:
    async with store.begin() as session:
        return [row.media_id for row in await remove_media(session, tenant, named, NOW)]


async def used(store: Database, tenant: str) -> int:
    async with store.begin() as session:
        return await used_bytes(session, tenant)


async def thrown_away(store: Database, tenant: str) -> set[str]:
    async with store.begin() as session:
        return {key for key in await garbage(session, 100_000) if key.startswith(f"media/{tenant}/")}


async def rows(store: Database, tenant: str) -> list[MediaRow]:
    async with store.begin() as session:
        return list((await session.exec(select(MediaRow).where(MediaRow.tenant == tenant))).all())


async def test_awaited_media_become_stored(store: Database) -> None:
    tenant = new_tenant()
    named = await begun(store, tenant)

    taken = await finished(store, tenant, named)

    assert (taken.is_duplicate, taken.row.media_id, taken.row.state) == (False, named, STORED)
    assert (taken.row.mime, taken.row.bytes, taken.row.width, taken.row.height) == ("image/png", 40, 3, 2)
    assert taken.row.expires_at == LATER
    assert await used(store, tenant) == 40


async def test_finishing_again_changes_nothing(store: Database) -> None:
    tenant = new_tenant()
    named = await begun(store, tenant)
    first = await finished(store, tenant, named)

    again = await finished(store, tenant, named, seen("b" * 64))

    assert again.row == first.row
    assert await used(store, tenant) == 40


async def test_the_same_bytes_are_one_object_with_the_first_ones_id(store: Database) -> None:
    tenant = new_tenant()
    first, second = await begun(store, tenant), await begun(store, tenant)
    await finished(store, tenant, first)

    taken = await finished(store, tenant, second)
    again = await finished(store, tenant, second)

    assert (taken.is_duplicate, taken.row.media_id) == (True, first)
    assert (again.is_duplicate, again.row.media_id) == (True, first)
    assert await used(store, tenant) == 40
    assert await thrown_away(store, tenant) == {object_key(tenant, second)}
    async with store.begin() as session:
        assert await media_of(session, tenant, second, NOW) is None
        merged = await ingest_of(session, tenant, second)
    assert merged is not None
    assert (merged.state, merged.same_as) == (MERGED, first)


async def test_fifty_at_once_are_one_object(store: Database) -> None:
    tenant = new_tenant()
    named = [await begun(store, tenant) for _ in range(50)]

    all_taken = await asyncio.gather(*(finished(store, tenant, one) for one in named))

    assert len({taken.row.media_id for taken in all_taken}) == 1
    assert [taken.is_duplicate for taken in all_taken].count(False) == 1
    assert await used(store, tenant) == 40
    assert len(await thrown_away(store, tenant)) == 49


async def test_an_id_that_was_told_is_kept_and_shares_the_object(store: Database) -> None:
    tenant = new_tenant()
    first, second = await begun(store, tenant), await begun(store, tenant)
    await finished(store, tenant, first)

    taken = await finished(store, tenant, second, keeps_id=True)

    assert (taken.is_duplicate, taken.row.media_id) == (True, second)
    assert taken.row.object_key == object_key(tenant, first)
    assert await used(store, tenant) == 40
    assert await removed(store, tenant, first) == [first]
    assert object_key(tenant, first) not in await thrown_away(store, tenant)
    assert await used(store, tenant) == 40
    assert await removed(store, tenant, second) == [second]
    assert object_key(tenant, first) in await thrown_away(store, tenant)
    assert await used(store, tenant) == 0


@pytest.mark.parametrize("has_twin", [False, True])
async def test_where_a_client_sent_its_file_nothing_is_served_from(
    store: Database, *, has_twin: bool
) -> None:
    tenant = new_tenant()
    first = await begun(store, tenant)
    if has_twin:
        await finished(store, tenant, first)
    named = await begun(store, tenant, is_own_upload=True)

    taken = await finished(store, tenant, named, keeps_id=True)

    sent, kept = upload_key(tenant, named), object_key(tenant, named)
    assert taken.row.object_key == (object_key(tenant, first) if has_twin else kept)
    assert await thrown_away(store, tenant) == ({sent, kept} if has_twin else {sent})


async def test_tenants_share_nothing(store: Database) -> None:
    mine, theirs = new_tenant(), new_tenant()
    first, second = await begun(store, mine), await begun(store, theirs)
    await finished(store, mine, first)

    taken = await finished(store, theirs, second)

    assert (taken.is_duplicate, taken.row.media_id) == (False, second)
    async with store.begin() as session:
        assert await media_of_all(session, mine, [first, second], NOW) == {
            first: (await rows(store, mine))[0]
        }
    assert await removed(store, mine, second) == []
    with pytest.raises(ApiError) as raised:
        await finished(store, mine, second)
    assert raised.value.detail.code == ErrorCode.MEDIA_NOT_FOUND


async def test_what_is_awaited_holds_its_room_and_gives_it_back(store: Database) -> None:
    tenant = new_tenant()
    named = await begun(store, tenant, held=100, limit=100)

    with pytest.raises(ApiError) as raised:
        await begun(store, tenant, held=1, limit=100)
    await removed(store, tenant, named)
    await begun(store, tenant, held=100, limit=100)

    assert (raised.value.detail.status, raised.value.detail.code) == (413, "storage_quota_exceeded")


async def test_no_number_of_requests_at_once_passes_the_limit(store: Database) -> None:
    tenant = new_tenant()

    tries = [begun(store, tenant, held=100, limit=1_000) for _ in range(50)]
    results = await asyncio.gather(*tries, return_exceptions=True)

    assert len([one for one in results if isinstance(one, str)]) == 10
    assert {type(one) for one in results} == {str, ApiError}
    assert await used(store, tenant) == 1_000


async def test_a_file_that_is_larger_than_it_was_said_to_be_is_counted(store: Database) -> None:
    tenant = new_tenant()
    named = await begun(store, tenant, held=10)

    with pytest.raises(ApiError, match="more than 20 bytes"):
        await finished(store, tenant, named, limit=20)
    await finished(store, tenant, named, limit=40)

    assert await used(store, tenant) == 40


async def test_beginning_again_holds_nothing_more(store: Database) -> None:
    tenant = new_tenant()
    named = await begun(store, tenant)
    (row,) = await rows(store, tenant)

    async with store.begin() as session:
        await begin_media(session, MediaRow(**row.model_dump()), LIMIT)

    assert await used(store, tenant) == HELD
    assert [one.media_id for one in await rows(store, tenant)] == [named]


async def test_what_was_deleted_meanwhile_is_not_stored(store: Database) -> None:
    tenant = new_tenant()
    named = await begun(store, tenant)
    await removed(store, tenant, named)

    with pytest.raises(ApiError) as raised:
        await finished(store, tenant, named)

    assert raised.value.detail.status == 404
    assert await used(store, tenant) == 0


async def test_media_whose_time_is_over_are_not_there_and_not_reused(store: Database) -> None:
    tenant = new_tenant()
    first, second = await begun(store, tenant), await begun(store, tenant)
    await finished(store, tenant, first)
    async with store.begin() as session:
        assert await media_of(session, tenant, first, LATER) is None
        page, _ = await media_page(session, tenant, LATER, limit=10, after=None, order="desc")
        assert page == []
        taken = await finish_media(
            session,
            tenant,
            second,
            seen(),
            now=LATER,
            expires_at=LATER + timedelta(days=1),
            limit=LIMIT,
            keeps_id=False,
        )

    assert taken.row.media_id == second
    async with store.begin() as session:
        assert first in (await expired_media(session, LATER, 100_000))[tenant]


async def test_garbage_is_remembered_until_it_is_gone(store: Database) -> None:
    tenant = new_tenant()
    first, second = await begun(store, tenant), await begun(store, tenant)
    await removed(store, tenant, first)

    async with store.begin() as session:
        keys = [object_key(tenant, first), object_key(tenant, second)]
        assert await known_keys(session, keys) == {object_key(tenant, second)}
        await forget_garbage(session, keys)

    assert await thrown_away(store, tenant) == set()


async def test_pages_show_what_is_stored(store: Database) -> None:
    tenant = new_tenant()
    named = [await begun(store, tenant) for _ in range(5)]
    for number, one in enumerate(named[:4]):
        await finished(store, tenant, one, seen(f"{number}" * 64))

    async with store.begin() as session:
        first, has_more = await media_page(session, tenant, NOW, limit=3, after=None, order="asc")
        rest, is_more = await media_page(session, tenant, NOW, limit=3, after=named[2], order="asc")

    assert ([row.media_id for row in first], has_more) == (named[:3], True)
    assert ([row.media_id for row in rest], is_more) == (named[3:4], False)
