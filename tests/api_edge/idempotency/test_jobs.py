"""Keys of requests that become jobs."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from api_edge.idempotency.jobs import ACCEPT_SECONDS, JobKeys, open_job_keys
from contracts.envelope import Caller
from contracts.errors import ApiError, ErrorCode
from contracts.ids import new_ulid
from infra.database import Database
from infra.settings import EdgeSettings
from infra.store.idempotency import IdempotencyRow, Keyed, hold_key, row_of_key
from infra.store.results import keep_result

pytestmark = pytest.mark.stack

SETTINGS = EdgeSettings()
LIMIT = 10.0


@pytest.fixture
async def keys(store: Database) -> AsyncIterator[JobKeys]:
    async with open_job_keys(store, SETTINGS) as opened:
        yield opened


@pytest.fixture
def asked(caller: Caller) -> Keyed:
    return Keyed(caller.tenant, caller.user_id, "key", b"f")


def left_behind(asked: Keyed, job_id: str, age: float) -> IdempotencyRow:
    """A row whose edge died before it could produce, or before it could tell."""
    then = datetime.now(UTC) - timedelta(seconds=age)
    return IdempotencyRow(
        tenant=asked.tenant,
        user_id=asked.user_id,
        key=asked.key,
        fingerprint=asked.fingerprint,
        holder=new_ulid(),
        held_at=then,
        created_at=then,
        expires_at=then + timedelta(days=1),
        job_id=job_id,
    )


async def put(store: Database, row: IdempotencyRow) -> None:
    async with store.begin() as session:
        await hold_key(session, row)


async def row_in(store: Database, asked: Keyed) -> IdempotencyRow | None:
    async with store.begin() as session:
        return await row_of_key(session, asked)


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(LIMIT):
        while not await holds():
            await asyncio.sleep(0.01)


async def test_first_request_produces_and_the_next_follows_its_job(keys: JobKeys, asked: Keyed) -> None:
    job_id = new_ulid()

    first = await keys.hold(asked, job_id)
    keys.accept(first)
    second = await keys.hold(asked, new_ulid())

    assert (first.job_id, first.is_settled) == (job_id, False)
    assert (second.job_id, second.is_settled) == (job_id, True)


async def test_of_fifty_requests_at_once_one_produces(keys: JobKeys, asked: Keyed) -> None:
    async def ask() -> IdempotencyRow:
        row = await keys.hold(asked, new_ulid())
        if not row.is_settled:
            keys.accept(row)
        return row

    rows = await asyncio.gather(*(ask() for _ in range(50)))

    assert len({row.job_id for row in rows}) == 1
    assert sum(not row.is_settled for row in rows) == 1


async def test_two_edges_agree_on_one_job(store: Database, asked: Keyed) -> None:
    async with open_job_keys(store, SETTINGS) as here, open_job_keys(store, SETTINGS) as there:
        first = await here.hold(asked, new_ulid())
        here.accept(first)

        second = await there.hold(asked, new_ulid())

    assert second.job_id == first.job_id


async def test_other_request_with_the_same_key_is_refused(keys: JobKeys, asked: Keyed) -> None:
    await keys.hold(asked, new_ulid())

    with pytest.raises(ApiError) as refused:
        await keys.hold(Keyed(asked.tenant, asked.user_id, asked.key, b"other"), new_ulid())

    assert refused.value.detail.code == ErrorCode.IDEMPOTENCY_KEY_REUSED


async def test_dropped_key_is_not_consumed(keys: JobKeys, asked: Keyed) -> None:
    first = await keys.hold(asked, new_ulid())

    await keys.drop(first)

    other = Keyed(asked.tenant, asked.user_id, asked.key, b"other")
    job_id = new_ulid()
    assert (await keys.hold(other, job_id)).job_id == job_id


async def test_waiting_request_produces_itself_when_the_first_one_could_not(
    keys: JobKeys, asked: Keyed
) -> None:
    first = await keys.hold(asked, new_ulid())
    job_id = new_ulid()
    waiting = asyncio.create_task(keys.hold(asked, job_id))
    await asyncio.sleep(0)

    await keys.drop(first)

    second = await waiting
    assert (second.job_id, second.is_settled) == (job_id, False)


async def test_job_of_an_edge_that_died_is_produced_again_under_its_id(
    keys: JobKeys, store: Database, asked: Keyed
) -> None:
    job_id = new_ulid()
    dead = left_behind(asked, job_id, ACCEPT_SECONDS + 1)
    await put(store, dead)

    row = await keys.hold(asked, new_ulid())

    assert (row.job_id, row.is_settled) == (job_id, False)
    assert row.created_at == dead.created_at


async def test_job_of_an_edge_that_died_is_produced_by_one_of_many(
    keys: JobKeys, store: Database, asked: Keyed
) -> None:
    await put(store, left_behind(asked, new_ulid(), ACCEPT_SECONDS + 1))

    async def ask() -> bool:
        row = await keys.hold(asked, new_ulid())
        if not row.is_settled:
            keys.accept(row)
        return not row.is_settled

    assert sum(await asyncio.gather(*(ask() for _ in range(10)))) == 1


async def test_second_try_that_fails_keeps_the_row_since_the_first_may_have_arrived(
    keys: JobKeys, store: Database, asked: Keyed
) -> None:
    job_id = new_ulid()
    await put(store, left_behind(asked, job_id, ACCEPT_SECONDS + 1))

    await keys.drop(await keys.hold(asked, new_ulid()))

    kept = await row_in(store, asked)
    assert kept is not None
    assert kept.job_id == job_id


async def test_job_that_was_never_accepted_and_is_too_old_is_replaced(
    keys: JobKeys, store: Database, asked: Keyed
) -> None:
    job_id = new_ulid()
    await put(store, left_behind(asked, job_id, SETTINGS.job_timeout + 1))

    row = await keys.hold(asked, new_ulid())

    assert not row.is_settled
    assert row.job_id != job_id
    assert datetime.now(UTC) - row.created_at < timedelta(seconds=LIMIT)


async def test_old_job_that_has_a_result_is_not_done_again(
    keys: JobKeys, store: Database, asked: Keyed
) -> None:
    job_id = new_ulid()
    await put(store, left_behind(asked, job_id, SETTINGS.job_timeout + 1))
    now = datetime.now(UTC)
    async with store.begin() as session:
        await keep_result(session, job_id, asked.tenant, [b"r1 {}"], now, now + timedelta(days=1))

    row = await keys.hold(asked, new_ulid())

    assert (row.job_id, row.is_settled) == (job_id, True)


async def test_accepting_sweeps_keys_that_have_expired(keys: JobKeys, store: Database, asked: Keyed) -> None:
    old = Keyed(asked.tenant, asked.user_id, "old", b"f")
    await put(store, left_behind(old, new_ulid(), 2 * 86_400))

    keys.accept(await keys.hold(asked, new_ulid()))

    async def is_gone() -> bool:
        return await row_in(store, old) is None

    await until(is_gone)


async def test_what_was_accepted_is_marked_before_the_keys_are_closed(store: Database, asked: Keyed) -> None:
    async with open_job_keys(store, SETTINGS) as keys:
        keys.accept(await keys.hold(asked, new_ulid()))

    kept = await row_in(store, asked)
    assert kept is not None
    assert kept.is_settled


async def test_without_a_database_nothing_is_held_and_closing_ends(nowhere: Database, asked: Keyed) -> None:
    async with asyncio.timeout(LIMIT), open_job_keys(nowhere, SETTINGS) as keys:
        with pytest.raises(ApiError) as refused:
            await keys.hold(asked, new_ulid())
        row = left_behind(asked, new_ulid(), 0)
        keys.accept(row)
        await keys.drop(row)

    assert (refused.value.detail.status, refused.value.detail.code) == (503, ErrorCode.DEPENDENCY_DOWN)
