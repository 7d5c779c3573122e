"""Shares in the store, on a real database."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import inspect

from contracts.errors import ApiError
from contracts.ids import SHARE, new_id
from infra.database import Database
from infra.store.conversations import delete_conversations
from infra.store.shares import ShareRow, SharesOf, share_at, shares_of, view_share
from tests.infra.store.conversing import TENANT, begun

pytestmark = pytest.mark.stack

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
THEIRS = "theirs"


async def shared(
    store: Database, conversation_id: str, *, tenant: str = TENANT, is_revoked: bool = False
) -> ShareRow:
    """A share, whose slug is its id's end."""
    share_id = new_id(SHARE)
    row = ShareRow(
        share_id=share_id,
        slug=share_id[-22:],
        conversation_id=conversation_id,
        tenant=tenant,
        user_id="u",
        title="t",
        snapshot={"items": []},
        revoked_at=NOW if is_revoked else None,
        created_at=NOW,
        updated_at=NOW,
    )
    async with store.begin() as session:
        session.add(row)
    return row


async def listed(store: Database, wanted: SharesOf) -> list[str]:
    """All of a list, a page of two at a time."""
    found: list[str] = []
    has_more, after = True, None
    while has_more:
        async with store.begin() as session:
            rows, has_more = await shares_of(session, wanted, limit=2, after=after, order="asc")
        found += [row.share_id for row in rows]
        after = found[-1] if found else None
    return found


async def test_a_list_holds_a_tenants_own_of_a_conversation_or_of_all(store: Database) -> None:
    one, other = await begun(store), await begun(store)
    foreign = await begun(store, THEIRS)
    mine = [(await shared(store, one)).share_id for _ in range(3)]
    second = (await shared(store, other, is_revoked=True)).share_id
    await shared(store, foreign, tenant=THEIRS)

    assert await listed(store, SharesOf(TENANT)) == [*mine, second]
    assert await listed(store, SharesOf(TENANT, one)) == mine
    assert await listed(store, SharesOf(TENANT, includes_revoked=False)) == mine
    assert await listed(store, SharesOf(TENANT, foreign)) == []


async def test_pages_stay_exact_while_shares_are_viewed_and_revoked(store: Database) -> None:
    conversation_id = await begun(store)
    rows = [await shared(store, conversation_id) for _ in range(4)]
    async with store.begin() as session:
        first, _ = await shares_of(session, SharesOf(TENANT), limit=2, after=None, order="asc")
    async with store.begin() as session:
        for row in rows:
            await view_share(session, row.slug, NOW)
        revoked = await share_at(session, TENANT, rows[0].share_id)
        assert revoked is not None
        revoked.revoked_at = NOW

    async with store.begin() as session:
        rest, has_more = await shares_of(
            session, SharesOf(TENANT), limit=2, after=first[-1].share_id, order="asc"
        )

    assert [row.share_id for row in [*first, *rest]] == [row.share_id for row in rows]
    assert not has_more


async def test_another_tenants_share_is_no_place_in_a_list(store: Database) -> None:
    foreign = await shared(store, await begun(store, THEIRS), tenant=THEIRS)

    async with store.begin() as session:
        with pytest.raises(ApiError, match="after must be an id from this list"):
            await shares_of(session, SharesOf(TENANT), limit=2, after=foreign.share_id, order="asc")


async def test_lists_and_revoking_read_no_snapshots(store: Database) -> None:
    share_id = (await shared(store, await begun(store))).share_id

    async with store.begin() as session:
        (listed_row,), _ = await shares_of(session, SharesOf(TENANT), limit=2, after=None, order="asc")
        found = await share_at(session, TENANT, share_id)

    assert found is not None
    for row in (listed_row, found):
        assert "snapshot" in inspect(row).unloaded


async def test_a_share_is_found_by_its_tenant_and_in_its_conversation_alone(store: Database) -> None:
    one, other = await begun(store), await begun(store)
    share_id = (await shared(store, one)).share_id

    async with store.begin() as session:
        assert await share_at(session, TENANT, share_id) is not None
        assert await share_at(session, TENANT, share_id, one) is not None
        assert await share_at(session, TENANT, share_id, other) is None
        assert await share_at(session, THEIRS, share_id) is None


async def test_each_view_is_counted(store: Database) -> None:
    row = await shared(store, await begun(store))

    async with store.begin() as session:
        await view_share(session, row.slug, NOW + timedelta(seconds=1))
    async with store.begin() as session:
        viewed = await view_share(session, row.slug, NOW + timedelta(seconds=2))

    assert viewed is not None
    assert (viewed.view_count, viewed.last_viewed_at) == (2, NOW + timedelta(seconds=2))
    assert viewed.updated_at == NOW


async def test_a_revoked_share_is_not_seen_and_not_counted(store: Database) -> None:
    row = await shared(store, await begun(store), is_revoked=True)

    async with store.begin() as session:
        assert await view_share(session, row.slug, NOW) is None
        kept = await share_at(session, TENANT, row.share_id)

    assert kept is not None
    assert kept.view_count == 0


async def test_a_conversations_shares_end_with_it(store: Database) -> None:
    conversation_id, other = await begun(store), await begun(store)
    row, kept = await shared(store, conversation_id), await shared(store, other)

    async with store.begin() as session:
        await delete_conversations(session, TENANT, [conversation_id])

    async with store.begin() as session:
        assert await view_share(session, row.slug, NOW) is None
        assert await view_share(session, kept.slug, NOW) is not None
