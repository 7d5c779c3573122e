"""Whose list is read next, and what becomes of it."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import select

from contracts.ids import PROVIDER, new_id
from infra.database import Database
from infra.store.provider_models import Listed, ProviderModelRow
from infra.store.providers import ProviderRow
from infra.store.syncing import claim_due, next_due, not_synced, synced

pytestmark = pytest.mark.stack

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
LEASE = timedelta(seconds=60)
HOUR = timedelta(hours=1)
MODEL = Listed("m-1", "vendor/m-1", "them", context_length=4_096, input_price=5)


async def give(store: Database, name: str, due: datetime = NOW, **changes: object) -> str:
    row = ProviderRow(
        provider_id=new_id(PROVIDER), name=name, display_name=name, vendor="jan",
        endpoints=[{"url": "http://x/v1"}], sync_due_at=due, created_at=NOW, updated_at=NOW,
    )  # fmt: skip
    for field, value in changes.items():
        setattr(row, field, value)
    async with store.begin() as session:
        session.add(row)
    return row.provider_id


async def claim(store: Database, now: datetime = NOW) -> ProviderRow | None:
    async with store.begin() as session:
        return await claim_due(session, now, LEASE)


async def claimed(store: Database, now: datetime = NOW) -> ProviderRow:
    row = await claim(store, now)
    assert row is not None
    return row


async def row_of(store: Database, provider_id: str) -> ProviderRow:
    async with store.begin() as session:
        row = await session.get(ProviderRow, provider_id)
        assert row is not None
        return row


async def models(store: Database) -> list[ProviderModelRow]:
    async with store.begin() as session:
        return list(await session.exec(select(ProviderModelRow).order_by(ProviderModelRow.original_id)))


async def take(store: Database, row: ProviderRow, *listed: Listed, now: datetime = NOW) -> bool:
    async with store.begin() as session:
        return await synced(session, row, listed, now, now + HOUR)


async def test_what_is_due_is_claimed_once_the_longest_due_first(store: Database) -> None:
    await give(store, "later", NOW - timedelta(seconds=1))
    await give(store, "first", NOW - timedelta(seconds=9))
    await give(store, "not-yet", NOW + timedelta(seconds=1))
    await give(store, "off", NOW - HOUR, is_active=False)

    names = [row.name if (row := await claim(store)) else None for _ in range(3)]

    assert names == ["first", "later", None]


async def test_two_workers_never_claim_the_same(store: Database) -> None:
    await give(store, "one")

    async with store.begin() as mine, store.begin() as theirs:
        first = await claim_due(mine, NOW, LEASE)
        second = await claim_due(theirs, NOW, LEASE)

    assert first is not None
    assert second is None


async def test_a_claim_that_nobody_ends_is_anothers_after_the_lease(store: Database) -> None:
    await give(store, "one")
    await claim(store)

    assert await claim(store, NOW + LEASE - timedelta(seconds=1)) is None
    assert await claim(store, NOW + LEASE) is not None


async def test_the_next_one_due_is_told(store: Database) -> None:
    async with store.begin() as session:
        assert await next_due(session) is None
    await give(store, "one", NOW + HOUR)
    await give(store, "off", NOW, is_active=False)

    async with store.begin() as session:
        assert await next_due(session) == NOW + HOUR


async def test_a_list_is_taken_over_and_only_what_is_new_counts_as_a_change(store: Database) -> None:
    provider_id = await give(store, "one", sync_error="before")
    row = await claimed(store)

    changes = [
        await take(store, row, MODEL),
        await take(store, row, MODEL),
        await take(store, row, Listed("m-1", "vendor/m-1", "them", context_length=8_192)),
        await take(store, row),
        await take(store, row),
        await take(store, row, MODEL),
    ]

    assert changes == [True, False, True, True, False, True]
    (kept,) = await models(store)
    assert (kept.context_length, kept.input_price, kept.missing_since) == (4_096, 5, None)
    found = await row_of(store, provider_id)
    assert (found.sync_error, found.synced_at, found.sync_due_at) == (None, NOW, NOW + HOUR)


async def test_a_provider_that_lists_nothing_is_news_the_first_time(store: Database) -> None:
    await give(store, "one")
    row = await claimed(store)

    assert [await take(store, row), await take(store, row)] == [True, False]


async def test_what_an_admin_set_of_a_model_stays(store: Database) -> None:
    await give(store, "one")
    row = await claimed(store)
    await take(store, row, MODEL)
    async with store.begin() as session:
        for model in await session.exec(select(ProviderModelRow)):
            model.input_price, model.edited = 99, ["input_price"]

    has_changed = await take(store, row, Listed("m-1", "vendor/m-1", "them", input_price=7))

    assert (has_changed, (await models(store))[0].input_price) == (False, 99)


async def test_a_list_of_a_provider_that_was_changed_meanwhile_is_read_again(store: Database) -> None:
    provider_id = await give(store, "one")
    row = await claimed(store)
    async with store.begin() as session:
        changed = await session.get(ProviderRow, provider_id)
        assert changed is not None
        changed.revision += 1

    assert await take(store, row, MODEL) is False

    assert await models(store) == []
    assert (await claimed(store)).revision == 2


@pytest.mark.parametrize(
    ("known_for", "waits"),
    [(0, 2.0), (3, 2.0), (60, 30.0), (86_400, 3_600.0)],
    ids=["new", "young", "a minute", "a day"],
)
async def test_a_failure_is_kept_and_tried_again_ever_later(
    store: Database, known_for: int, waits: float
) -> None:
    provider_id = await give(store, "one", created_at=NOW - timedelta(seconds=known_for))
    row = await claimed(store)

    async with store.begin() as session:
        await not_synced(session, row, "no \0 answer" + "!" * 1_000, NOW, HOUR)

    found = await row_of(store, provider_id)
    assert found.sync_error is not None
    assert found.sync_error.startswith("no  answer!!")
    assert len(found.sync_error) < 501
    assert found.sync_due_at == NOW + timedelta(seconds=waits)
    assert found.synced_at is None


async def test_a_provider_that_is_gone_meanwhile_is_passed_over(store: Database) -> None:
    provider_id = await give(store, "one")
    row = await claimed(store)
    async with store.begin() as session:
        await session.delete(await session.get(ProviderRow, provider_id))

    async with store.begin() as session:
        await not_synced(session, row, "gone", NOW, HOUR)
    assert await take(store, row, MODEL) is False
