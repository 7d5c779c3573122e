"""Links for ids, and for every reference in a payload: all of them, or an error that names one."""

import pytest

from api_edge.media.desk import MOST
from contracts.errors import ApiError, ErrorCode
from contracts.wire.media import Json
from tests.api_edge.media.room import ME, OTHER, Room, resolve_ask

pytestmark = pytest.mark.stack


async def test_ids_are_resolved_in_their_order_and_once_each(room: Room) -> None:
    one, two = await room.taken(), await room.sent()

    told = await room.desk.resolve(ME, resolve_ask(ids=[two, one, two]))

    assert [media.id for media in told.media] == [two, one]
    assert all(f"/media/t/{media.id}?" in media.presigned_url for media in told.media)


async def test_all_are_resolved_or_none_and_the_first_that_is_not_there_is_named(room: Room) -> None:
    sent, theirs = await room.sent(), await room.taken(OTHER)
    room.completing.asked.clear()

    for ask, param in (
        (resolve_ask(ids=[sent, theirs, "jan_nobody"]), "ids"),
        (resolve_ask(payload=[sent, f"data:image/png;{theirs}"]), "payload"),
    ):
        with pytest.raises(ApiError) as raised:
            await room.desk.resolve(ME, ask)

        detail = raised.value.detail
        assert (detail.code, detail.param) == (ErrorCode.MEDIA_NOT_FOUND, param)
        assert theirs in detail.message
    assert room.completing.asked == []


async def test_a_payload_stays_as_it_is_but_for_its_references(room: Room) -> None:
    named = await room.taken()
    payload: Json = {"a": f"data:image/png;base64,{named}", named: [1.5, None, True, "jan_", {"b": []}]}

    told = await room.desk.resolve(ME, resolve_ask(payload=payload))

    assert told.payload == payload | {"a": told.media[0].presigned_url}
    assert [media.id for media in told.media] == [named]
    nothing = await room.desk.resolve(ME, resolve_ask(payload=[0, "x"]))
    assert (nothing.payload, nothing.media) == ([0, "x"], [])


async def test_a_payload_cannot_grow_without_a_limit(room: Room) -> None:
    named = await room.taken()

    whole = await room.desk.resolve(ME, resolve_ask(payload=[named] * MOST))
    with pytest.raises(ApiError, match="at most 1,000 media; this one names 1,001") as raised:
        await room.desk.resolve(ME, resolve_ask(payload=[named] * (MOST + 1)))

    assert len(set(whole.payload)) == 1
    assert (raised.value.detail.status, raised.value.detail.param) == (400, "payload")
