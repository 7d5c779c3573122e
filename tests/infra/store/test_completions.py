"""Stored completions, written exactly once."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import col, select

from contracts.ids import new_ulid
from infra.database import Database
from infra.store.completions import StoredCompletionRow, keep_completion

pytestmark = pytest.mark.stack

NOW = datetime.now(UTC)
MONTH = timedelta(days=30)


def row(
    job_id: str, text: str = "a", *, attempt: int = 1, age: timedelta = timedelta()
) -> StoredCompletionRow:
    return StoredCompletionRow(
        job_id=job_id,
        tenant="t1",
        model="m",
        meta={"k": "v"},
        request={"messages": []},
        completion={"text": text},
        attempt=attempt,
        created_at=NOW - age,
        expires_at=NOW - age + MONTH,
    )


async def keep(store: Database, kept: StoredCompletionRow, now: datetime = NOW) -> None:
    async with store.begin() as session:
        await keep_completion(session, kept, now)


async def read(store: Database, job_id: str) -> StoredCompletionRow | None:
    async with store.begin() as session:
        return await session.get(StoredCompletionRow, job_id)


async def test_a_completion_is_read_as_it_was_written(store: Database) -> None:
    job_id = new_ulid()

    await keep(store, row(job_id))

    kept = await read(store, job_id)
    assert kept is not None
    assert (kept.completion, kept.meta, kept.tenant, kept.model) == ({"text": "a"}, {"k": "v"}, "t1", "m")


async def test_a_later_attempt_replaces_it_and_an_earlier_one_does_not(store: Database) -> None:
    job_id = new_ulid()

    for attempt, text in ((1, "a"), (3, "c"), (2, "b")):
        await keep(store, row(job_id, text, attempt=attempt))

    kept = await read(store, job_id)
    assert kept is not None
    assert (kept.completion, kept.attempt) == ({"text": "c"}, 3)


async def test_metadata_that_was_changed_meanwhile_stays(store: Database) -> None:
    job_id = new_ulid()
    await keep(store, row(job_id))
    async with store.begin() as session:
        kept = await session.get(StoredCompletionRow, job_id)
        assert kept is not None
        kept.meta = {"changed": "yes"}

    await keep(store, row(job_id, "b", attempt=2))

    kept = await read(store, job_id)
    assert kept is not None
    assert (kept.meta, kept.completion) == ({"changed": "yes"}, {"text": "b"})


async def test_expired_ones_are_swept_a_few_at_a_time(store: Database) -> None:
    old = [new_ulid() for _ in range(25)]
    for job_id in old:
        await keep(store, row(job_id, age=2 * MONTH), NOW - 2 * MONTH)

    await keep(store, row(new_ulid()))

    async with store.begin() as session:
        found = select(StoredCompletionRow).where(col(StoredCompletionRow.job_id).in_(old))
        left = (await session.exec(found)).all()
    assert len(left) == 5
