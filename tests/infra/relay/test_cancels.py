"""A job is told to stop, wherever it is."""

import asyncio

import pytest
from redis.asyncio import Redis

from contracts.events import Failure
from contracts.frames import payload_of
from contracts.ids import new_ulid
from infra.relay.cancels import Cancels
from infra.relay.job_log import StaleAttempt
from infra.relay.line import ScriptLine
from infra.relay.reader import RelayReader
from infra.relay.writer import RelayWriter
from tests.infra.relay.tools import LIMIT, ask, claims_of


async def test_a_running_job_is_told_to_stop_where_it_runs(
    reader: RelayReader, line: ScriptLine, client: Redis
) -> None:
    job_id = new_ulid()
    await claims_of(line).take(ask(job_id))
    stopped: list[str] = []

    async with Cancels(client).heard(lambda: [job_id], stopped.append), asyncio.timeout(LIMIT):
        while not stopped:
            assert not await reader.cancel(job_id)
            await asyncio.sleep(0.01)
    standing = await reader.look(job_id)

    assert stopped[0] == job_id
    assert (standing.is_cancelled, standing.is_over) == (True, False)


async def test_a_queued_job_ends_at_once_and_is_never_given_to_a_worker(
    reader: RelayReader, line: ScriptLine
) -> None:
    job_id = new_ulid()

    ended = await reader.cancel(job_id)
    claim = await claims_of(line).take(ask(job_id))

    assert ended
    assert (claim.attempt, claim.is_over, claim.is_cancelled) == (0, True, True)
    assert claim.last.startswith(b"e1 ")
    assert Failure.model_validate_json(payload_of(claim.last)).code == "cancelled"
    assert not await reader.cancel(job_id)


async def test_a_job_that_was_handed_back_ends_behind_what_it_showed_and_its_former_attempt_is_refused(
    reader: RelayReader, line: ScriptLine, writer: RelayWriter
) -> None:
    job_id = new_ulid()
    claims = claims_of(line)
    await claims.take(ask(job_id))

    async with writer.open(job_id, 1, None) as log:
        log.append(b"c1 shown")
        await log.flushed()
        await claims.release(job_id)
        ended = await reader.cancel(job_id)
        log.append(b"c1 too late")
        with pytest.raises(StaleAttempt):
            await log.flushed()
    standing = await reader.look(job_id)

    assert ended
    assert standing.last.startswith(b"e2@1 ")
    assert (standing.tenant, standing.frames, standing.attempt) == ("t1", 2, 2)


async def test_a_job_that_has_ended_is_not_cancelled_any_more(
    reader: RelayReader, line: ScriptLine, writer: RelayWriter
) -> None:
    job_id = new_ulid()
    await claims_of(line).take(ask(job_id))
    async with writer.open(job_id, 1, None) as log:
        log.append(b"z1 {}")
        await log.flushed()

    ended = await reader.cancel(job_id)
    standing = await reader.look(job_id)

    assert not ended
    assert (standing.last, standing.is_cancelled) == (b"z1 {}", False)


async def test_a_cancel_that_nobody_heard_is_looked_up_when_the_wire_is_back(
    reader: RelayReader, line: ScriptLine, client: Redis
) -> None:
    job_id = new_ulid()
    stopped = asyncio.Event()
    await claims_of(line).take(ask(job_id))
    await reader.cancel(job_id)

    async with Cancels(client).heard(lambda: [job_id], lambda _: stopped.set()), asyncio.timeout(LIMIT):
        await stopped.wait()
