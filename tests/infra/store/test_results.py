"""Results that outlive the relay."""

from datetime import UTC, datetime, timedelta

import pytest

from contracts.frames import FrameKind, frame
from contracts.ids import new_ulid
from infra.database import Database
from infra.store.results import keep_result, result_of

pytestmark = pytest.mark.stack

DAY = timedelta(days=1)
FRAMES = [
    frame(FrameKind.CHUNK, 1, b'{"x":1}'),
    frame(FrameKind.CHUNK, 1, "ünïcode".encode()),
    frame(FrameKind.END, 1, b"{}"),
]


async def kept(
    store: Database, job_id: str, frames: list[bytes], *, tenant: str = "t1", age: timedelta = timedelta()
) -> None:
    now = datetime.now(UTC) - age
    async with store.begin() as session:
        await keep_result(session, job_id, tenant, frames, now, now + DAY)


async def read(store: Database, job_id: str, tenant: str = "t1") -> list[bytes] | None:
    async with store.begin() as session:
        return await result_of(session, job_id, tenant)


async def test_frames_are_read_back_as_they_were(store: Database) -> None:
    job_id = new_ulid()

    await kept(store, job_id, FRAMES)

    assert await read(store, job_id) == FRAMES


async def test_unknown_job_has_no_result(store: Database) -> None:
    assert await read(store, new_ulid()) is None


async def test_other_tenant_sees_no_result(store: Database) -> None:
    job_id = new_ulid()

    await kept(store, job_id, FRAMES)

    assert await read(store, job_id, "t2") is None


async def test_keeping_again_replaces_the_former_result(store: Database) -> None:
    job_id = new_ulid()

    await kept(store, job_id, FRAMES[:1])
    await kept(store, job_id, FRAMES)

    assert await read(store, job_id) == FRAMES


async def test_expired_result_is_not_given_and_is_deleted_by_the_next_one(store: Database) -> None:
    old = new_ulid()

    await kept(store, old, FRAMES, age=2 * DAY)
    assert await read(store, old) is None
    await kept(store, new_ulid(), FRAMES)

    async with store.engine.connect() as connection:
        left = await connection.exec_driver_sql("SELECT job_id FROM results")
        assert old not in {row[0] for row in left}


async def test_many_frames_take_little_room(store: Database) -> None:
    job_id = new_ulid()
    chunk = b'{"id":"chatcmpl-1","object":"chat.completion.chunk","choices":[{"delta":{"content":"word"}}]}'
    frames = [frame(FrameKind.CHUNK, 1, chunk) for _ in range(20_000)]

    await kept(store, job_id, frames)

    assert await read(store, job_id) == frames
    async with store.engine.connect() as connection:
        size = await connection.exec_driver_sql("SELECT max(octet_length(frames)) FROM results")
        assert size.scalar_one() < sum(map(len, frames)) / 10
