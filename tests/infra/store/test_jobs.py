"""The ledger's rows: written whole, read back as they were, and moved with their positions."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from contracts.ids import new_ulid, ulid_at
from contracts.story import Entry, Story
from contracts.wire.jobs import JobState
from infra.database import Database
from infra.store.jobs import (
    STORIES,
    begin_rebuild,
    end_rebuild,
    job_of,
    lock_positions,
    move_positions,
    positions_of,
    queue_position,
    save_stories,
    stories_of,
    sweep_jobs,
)

pytestmark = pytest.mark.stack

NOON = datetime(2026, 11, 22, 12, 0, 0, 123456, tzinfo=UTC)


def story(job_id: str | None = None, **fields: object) -> Story:
    known = {"kind": "completion", "lane": "default", "accepted_at": NOON, **fields}
    (made,) = STORIES.validate_python([{"job_id": job_id or new_ulid(), "tenant": "t1", **known}])
    return made


async def test_a_row_is_read_as_it_was_written_and_written_over(store: Database) -> None:
    first = story(timeline=[Entry("accepted", NOON)], input_tokens=3, usage_estimated=True)
    later = replace(first, state=JobState.FINISHED, ended_at=NOON, attempts=2)

    async with store.begin() as session:
        await save_stories(session, [first, story()])
    async with store.begin() as session:
        read = await stories_of(session, [first.job_id, new_ulid()])
        await save_stories(session, [later])
    async with store.begin() as session:
        stored = await job_of(session, first.job_id)

    assert read == {first.job_id: first}
    assert stored is not None
    assert stored.tenant == "t1"
    assert stored.view == later.view()


async def test_an_unknown_job_is_none_and_nothing_to_write_is_fine(store: Database) -> None:
    async with store.begin() as session:
        await save_stories(session, [])

        assert await job_of(session, new_ulid()) is None


async def test_a_queue_counts_its_own_lane_and_who_came_before(store: Database) -> None:
    jobs = [story() for _ in range(4)]
    others = [
        story(lane="flex", job_id=ulid_at(NOON)),
        story(state=JobState.RUNNING, job_id=ulid_at(NOON + timedelta(1))),
    ]

    async with store.begin() as session:
        await save_stories(session, [*jobs, *others])

        assert [await queue_position(session, "default", job.job_id) for job in jobs] == [0, 1, 2, 3]


async def test_usage_is_what_ended_jobs_used(store: Database) -> None:
    used, unused = story(input_tokens=3, output_tokens=2, ended_at=NOON), story()

    async with store.begin() as session:
        await save_stories(session, [used, unused])
        rows = (
            await (await session.connection()).execute(text("SELECT job_id, output_tokens FROM usage"))
        ).all()

    assert [tuple(row) for row in rows] == [(used.job_id, 2)]


async def test_positions_move_with_their_transaction_and_are_held_by_one_at_a_time(store: Database) -> None:
    async with store.begin() as session:
        assert await lock_positions(session, "events.v1", [1, 0]) == {0: 0, 1: 0}
        await move_positions(session, "events.v1", {0: 7})

        async def second() -> dict[int, int]:
            async with store.begin() as other:
                return await lock_positions(other, "events.v1", [0])

        waiting = asyncio.create_task(second())
        done, _ = await asyncio.wait([waiting], timeout=0.2)
        assert not done

    assert await waiting == {0: 7}
    async with store.begin() as session:
        assert await positions_of(session, "events.v1") == {0: 7, 1: 0}


async def test_old_rows_are_swept_a_few_at_a_time(store: Database) -> None:
    old = [story(job_id=ulid_at(NOON - timedelta(days=40))[:-1] + letter) for letter in "ABC"]
    fresh = story()

    async with store.begin() as session:
        await save_stories(session, [*old, fresh])
        counts = [await sweep_jobs(session, ulid_at(NOON - timedelta(days=30)), 2) for _ in range(3)]

        assert counts == [2, 1, 0]
        assert await job_of(session, fresh.job_id) is not None


async def test_rebuilt_rows_take_the_places_of_the_same_jobs_and_half_told_ones_keep_theirs(
    store: Database,
) -> None:
    wrong, kept, half = story(attempts=9), story(), story()
    right = replace(wrong, attempts=1)
    half_told = replace(half, accepted_at=None, attempts=5)

    async with store.begin() as session:
        await save_stories(session, [wrong, kept, half])
        await begin_rebuild(session)
        await save_stories(session, [right, half_told], "jobs_rebuilt")
        count = await end_rebuild(session)
        read = await stories_of(session, [wrong.job_id, kept.job_id, half.job_id])

    assert count == 1
    assert read == {wrong.job_id: right, kept.job_id: kept, half.job_id: half}
