"""The media desk on a real database: what is prepared, taken in when it is used, shown and deleted."""

import asyncio
from datetime import timedelta

import pytest

from api_edge.media.desk import MOST
from api_edge.middleware.paging import PageAsk
from contracts.errors import ApiError, ErrorCode
from contracts.ids import is_media_id, media_id, new_ulid
from contracts.wire.media import Upload, UploadAsk
from tests.api_edge.media.room import LARGEST, LIMIT, ME, OTHER, PNG, Room, used

pytestmark = pytest.mark.stack


async def test_an_upload_is_awaited_and_its_bytes_are_held(room: Room) -> None:
    ask = UploadAsk.model_validate(
        {"content_type": " Image/JPG ", "bytes": 100, "filename": "../../\u202egr\u00fcn\r\n.png"}
    )

    told = await room.desk.prepare(ME.caller, ask)

    row = await room.row(told.id)
    assert is_media_id(told.id)
    assert row is not None
    assert (row.state, row.is_own_upload, row.user_id) == ("awaiting", True, "u")
    assert (row.mime, row.filename, row.bytes) == ("image/jpeg", "gr\u00fcn.png", 100)
    assert row.expires_at - row.created_at == timedelta(hours=1)
    assert (told.mime_type, told.max_bytes, await room.used()) == ("image/jpeg", 100, 100)
    key = f"media/t/{told.id}.upload"
    assert f"/jan/{key}?" in told.upload_url == told.presigned_url
    assert told.presigned_post.fields["key"] == row.object_key == key
    assert told.presigned_post.fields["Content-Type"] == "image/jpeg"


async def test_who_does_not_say_how_much_has_the_most(room: Room) -> None:
    told = await room.desk.prepare(ME.caller, UploadAsk.model_validate({"mime_type": "image/png"}))

    assert (told.max_bytes, await room.used()) == (LARGEST, LARGEST)


@pytest.mark.parametrize(
    ("mime", "size", "code"),
    [
        ("image/svg+xml", 10, ErrorCode.UNSUPPORTED_MEDIA_TYPE),
        ("text/html", None, ErrorCode.UNSUPPORTED_MEDIA_TYPE),
        ("", None, ErrorCode.UNSUPPORTED_MEDIA_TYPE),
        ("image/png", LARGEST + 1, ErrorCode.BODY_TOO_LARGE),
    ],
)
async def test_what_cannot_be_taken_in_is_not_prepared(
    room: Room, mime: str, size: int | None, code: ErrorCode
) -> None:
    with pytest.raises(ApiError) as raised:
        await room.desk.prepare(ME.caller, UploadAsk(mime_type=mime, bytes=size))

    assert (raised.value.detail.code, await room.used()) == (code, 0)


async def test_uploads_that_are_prepared_at_once_hold_no_more_than_a_tenant_may_have(room: Room) -> None:
    given = await asyncio.gather(
        *(room.desk.prepare(ME.caller, PNG) for _ in range(15)), return_exceptions=True
    )

    refused = [one.detail.code for one in given if isinstance(one, ApiError)]
    assert len([one for one in given if isinstance(one, Upload)]) == LIMIT // 100
    assert set(refused) == {ErrorCode.STORAGE_QUOTA_EXCEEDED}
    assert (len(refused), await room.used()) == (5, LIMIT)


async def test_what_was_sent_is_taken_in_once(room: Room) -> None:
    named = await room.sent()

    first, again = [await room.desk.complete(ME, named) for _ in range(2)]

    assert (first.id, first.status, first.bytes, first.width) == (named, "ready", 40, 3)
    assert first.model_copy(update={"presigned_url": None}) == again.model_copy(
        update={
            "presigned_url": None,
            "presigned_url_expires_at": first.presigned_url_expires_at,
        }
    )
    assert (room.completing.asked, await room.used()) == ([named], 40)


@pytest.mark.parametrize("use", ["show", "link", "row", "resolve ids", "resolve payload", "check"])
async def test_the_first_use_takes_in_what_was_sent(room: Room, use: str) -> None:
    named = await room.sent()

    await used(room, use, named)

    row = await room.row(named)
    assert row is not None
    assert (room.completing.asked, row.state) == ([named], "stored")


@pytest.mark.parametrize("use", ["complete", "link", "row", "resolve ids", "resolve payload", "check"])
async def test_what_was_not_sent_is_named_and_stays_awaited(room: Room, use: str) -> None:
    named = await room.prepared()

    with pytest.raises(ApiError, match=f"{named}' has not been uploaded yet") as raised:
        await used(room, use, named)

    assert (raised.value.detail.status, raised.value.detail.code) == (400, ErrorCode.INVALID_VALUE)
    assert room.completing.asked == []
    assert (await room.desk.show(ME, named)).status == "awaiting_upload"


@pytest.mark.parametrize(
    "use", ["complete", "show", "link", "row", "resolve ids", "resolve payload", "check", "delete"]
)
async def test_others_media_are_as_if_they_were_not_there(room: Room, use: str) -> None:
    named, never = await room.sent(), media_id(new_ulid())

    with pytest.raises(ApiError) as theirs:
        await used(room, use, named, OTHER)
    with pytest.raises(ApiError) as none:
        await used(room, use, never, OTHER)

    assert (theirs.value.detail.status, theirs.value.detail.code) == (404, ErrorCode.MEDIA_NOT_FOUND)
    assert theirs.value.detail.message == none.value.detail.message.replace(never, named)
    assert room.completing.asked == []
    assert await room.row(named) is not None


async def test_more_than_was_agreed_is_refused_and_removed(room: Room) -> None:
    named = await room.sent(size=101)

    with pytest.raises(ApiError, match="has 101 bytes; 100 were agreed") as raised:
        await room.desk.show(ME, named)

    assert raised.value.detail.code == ErrorCode.BODY_TOO_LARGE
    assert (await room.row(named), await room.used(), room.completing.asked) == (None, 0, [])
    assert await room.garbage() == [f"media/t/{named}.upload"]  # for the sweeper


async def test_a_store_that_is_away_removes_nothing(room: Room) -> None:
    named = await room.sent()
    room.objects.is_away = True

    with pytest.raises(ApiError) as raised:
        await room.desk.complete(ME, named)

    assert raised.value.detail.code == ErrorCode.DEPENDENCY_DOWN
    room.objects.is_away = False
    assert (await room.desk.complete(ME, named)).status == "ready"


async def test_why_a_file_is_refused_is_told_by_whatever_uses_it_first(room: Room) -> None:
    named = await room.sent()
    room.completing.refusal = ApiError(ErrorCode.UNSUPPORTED_MEDIA_TYPE, "no image", param="file")

    with pytest.raises(ApiError, match="no image"):
        await room.desk.link(ME, named)


async def test_a_chat_cannot_name_more_than_the_database_is_asked_for(room: Room) -> None:
    named = [media_id(new_ulid()) for _ in range(MOST + 1)]

    with pytest.raises(ApiError) as raised:
        await room.desk.check(ME.caller, "req_1", named, "messages")

    assert (raised.value.detail.status, raised.value.detail.param) == (400, "messages")


@pytest.mark.parametrize("named", ["jan_nobody", "", "x" * 300, "jan_\x00", "\ud800", "JAN_01"])
async def test_what_is_no_id_is_not_there(room: Room, named: str) -> None:
    for use in ("show", "link", "complete", "delete"):
        with pytest.raises(ApiError) as raised:
            await used(room, use, named)

        assert raised.value.detail.code == ErrorCode.MEDIA_NOT_FOUND
        assert raised.value.detail.message.encode()  # it can be sent
    assert (await room.desk.delete_many(ME.caller, [named])).not_found == [named]


async def test_stored_media_are_listed_and_nothing_else(room: Room) -> None:
    kept = [await room.taken() for _ in range(3)]
    await room.sent()
    await room.taken(OTHER)

    first = await room.desk.page(ME.caller, PageAsk(limit=2))
    rest = await room.desk.page(ME.caller, PageAsk(limit=2, after=first.next_after))

    assert [media.id for media in first.data] == kept[:0:-1]
    assert [media.id for media in rest.data] == kept[:1]
    assert (first.has_more, rest.has_more) == (True, False)
    assert all(media.presigned_url for media in first.data)


async def test_what_is_deleted_goes_from_the_store_too(room: Room) -> None:
    named = await room.taken()

    await room.desk.delete(ME.caller, named)

    as_sent = f"media/t/{named}.upload"  # left to the sweeper since it was taken in
    assert (list(room.objects.sizes), await room.garbage(), await room.used()) == ([as_sent], [as_sent], 0)
    with pytest.raises(ApiError, match=named):
        await room.desk.delete(ME.caller, named)


async def test_of_two_who_delete_at_once_one_is_told_that_there_is_nothing(room: Room) -> None:
    named = await room.taken()

    told = await asyncio.gather(
        *(room.desk.delete(ME.caller, named) for _ in range(5)), return_exceptions=True
    )

    refused = [one for one in told if isinstance(one, ApiError)]
    assert (len(refused), told.count(None)) == (4, 1)
    assert {one.detail.code for one in refused} == {ErrorCode.MEDIA_NOT_FOUND}


async def test_what_the_store_does_not_delete_now_is_left_to_the_sweeper(room: Room) -> None:
    named = await room.taken()
    room.objects.is_away = True

    told = await room.desk.delete_many(ME.caller, [named])

    assert (told.deleted, await room.row(named)) == ([named], None)
    assert sorted(await room.garbage()) == [f"media/t/{named}", f"media/t/{named}.upload"]


async def test_an_object_stays_as_long_as_one_has_it(room: Room) -> None:
    room.completing.same = "f" * 64
    first, second = await room.taken(), await room.taken()
    key = f"media/t/{first}"

    await room.desk.delete(ME.caller, first)

    assert (await room.desk.row(ME, second)).object_key == key
    assert key in room.objects.sizes
    await room.desk.delete(ME.caller, second)
    assert key not in room.objects.sizes


async def test_many_are_deleted_and_what_there_is_not_is_named(room: Room) -> None:
    stored, awaited, theirs = await room.taken(), await room.prepared(), await room.taken(OTHER)

    told = await room.desk.delete_many(ME.caller, [awaited, "jan_x", stored, theirs, stored])

    assert (told.deleted, told.deleted_count) == ([awaited, stored], 2)
    assert told.not_found == ["jan_x", theirs]
    assert await room.used() == 0
    assert (await room.desk.show(OTHER, theirs)).status == "ready"
