"""Keys of callers, and what they stand for."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from contracts.ids import new_ulid
from infra.database import Database
from infra.store.idempotency import (
    IdempotencyRow,
    Keyed,
    accept_key,
    answer_key,
    hold_key,
    release_key,
    row_of_key,
    sweep_keys,
    take_over_key,
)

pytestmark = pytest.mark.stack

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
KEYED = Keyed("t1", "u1", "k1", b"f" * 32)


def row(keyed: Keyed = KEYED, now: datetime = NOW, job_id: str | None = None) -> IdempotencyRow:
    return IdempotencyRow(
        tenant=keyed.tenant,
        user_id=keyed.user_id,
        key=keyed.key,
        fingerprint=keyed.fingerprint,
        holder=new_ulid(),
        held_at=now,
        created_at=now,
        expires_at=now + DAY,
        job_id=job_id,
    )


async def held(store: Database, wanted: IdempotencyRow) -> IdempotencyRow:
    async with store.begin() as session:
        return await hold_key(session, wanted)


async def found(store: Database, keyed: Keyed = KEYED) -> IdempotencyRow | None:
    async with store.begin() as session:
        return await row_of_key(session, keyed)


async def test_first_request_holds_the_key_and_the_second_finds_its_row(store: Database) -> None:
    first, second = row(job_id=new_ulid()), row(job_id=new_ulid())

    assert await held(store, first) is first

    standing = await held(store, second)
    assert standing.model_dump() == first.model_dump()
    assert not standing.is_settled


async def test_of_fifty_requests_at_once_one_holds_the_key(store: Database) -> None:
    rows = [row() for _ in range(50)]

    standing = await asyncio.gather(*(held(store, one) for one in rows))

    assert len({one.holder for one in standing}) == 1


@pytest.mark.parametrize(
    "other", [Keyed("t2", "u1", "k1", b""), Keyed("t1", "u2", "k1", b""), Keyed("t1", "u1", "K1", b"")]
)
async def test_same_key_of_another_tenant_or_user_is_another_key(store: Database, other: Keyed) -> None:
    await held(store, row())
    theirs = row(other)

    assert await held(store, theirs) is theirs


async def test_expired_key_is_free_again(store: Database) -> None:
    first = row()
    await held(store, first)
    late, later = row(now=NOW + DAY - timedelta(seconds=1)), row(now=NOW + DAY)

    assert (await held(store, late)).holder == first.holder
    assert await held(store, later) is later
    kept = await found(store)
    assert kept is not None
    assert kept.holder == later.holder


async def test_expired_answer_leaves_nothing_behind(store: Database) -> None:
    first = row()
    await held(store, first)
    async with store.begin() as session:
        await answer_key(session, first, 200, [("content-type", "text/plain")], b"hello")
    later = row(now=NOW + DAY, job_id=new_ulid())

    await held(store, later)

    kept = await found(store)
    assert kept is not None
    assert kept.model_dump() == later.model_dump()


async def test_accepted_row_is_settled_and_stays(store: Database) -> None:
    first = row(job_id=new_ulid())
    await held(store, first)

    async with store.begin() as session:
        await accept_key(session, first, NOW)
        await release_key(session, first)
        assert not await take_over_key(session, first, row())

    kept = await found(store)
    assert kept is not None
    assert kept.is_settled
    assert kept.accepted_at == NOW


async def test_stored_answer_is_read_back_as_it_was(store: Database) -> None:
    first = row()
    await held(store, first)

    async with store.begin() as session:
        assert await answer_key(session, first, 200, [("content-type", "text/plain")], b"\x00\xff")

    kept = await found(store)
    assert kept is not None
    assert kept.is_settled
    assert (kept.status, kept.body) == (200, b"\x00\xff")
    assert [tuple(pair) for pair in kept.headers or ()] == [("content-type", "text/plain")]


async def test_released_key_is_free(store: Database) -> None:
    first, second = row(), row()
    await held(store, first)

    async with store.begin() as session:
        await release_key(session, first)

    assert await held(store, second) is second


async def test_row_is_taken_over_once_and_its_former_holder_changes_nothing(store: Database) -> None:
    first, second, third = row(job_id=new_ulid()), row(), row()
    await held(store, first)

    async with store.begin() as session:
        assert await take_over_key(session, first, second)
        assert not await take_over_key(session, first, third)
        assert not await answer_key(session, first, 200, [], b"too late")
        await release_key(session, first)

    kept = await found(store)
    assert kept is not None
    assert kept.model_dump() == second.model_dump()


async def test_accepting_a_job_that_was_replaced_changes_nothing(store: Database) -> None:
    first, second = row(job_id=new_ulid()), row(job_id=new_ulid())
    await held(store, first)

    async with store.begin() as session:
        await take_over_key(session, first, second)
        await accept_key(session, first, NOW)

    kept = await found(store)
    assert kept is not None
    assert kept.accepted_at is None


async def test_sweeping_deletes_what_has_expired_and_a_bounded_number_of_it(store: Database) -> None:
    for number in range(5):
        await held(store, row(Keyed("t1", "u1", f"old{number}", b"")))
    await held(store, row(Keyed("t1", "u1", "new", b""), NOW + DAY))
    old = [Keyed("t1", "u1", f"old{number}", b"") for number in range(5)]

    async with store.begin() as session:
        await sweep_keys(session, NOW + DAY, 3)
    assert sum([await found(store, one) is not None for one in old]) == 2

    async with store.begin() as session:
        await sweep_keys(session, NOW + DAY, 3)
    assert not any([await found(store, one) for one in old])
    assert await found(store, Keyed("t1", "u1", "new", b"")) is not None
