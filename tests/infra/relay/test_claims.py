"""Claims: one living holder for each job, numbers that only rise."""

import asyncio

from contracts.frames import FrameKind, frame
from contracts.ids import new_ulid
from infra.relay.line import ScriptLine
from infra.relay.writer import RelayWriter
from tests.infra.relay.tools import LIMIT, ask, claims_of


async def test_a_claim_tells_what_earlier_attempts_left(writer: RelayWriter, line: ScriptLine) -> None:
    job_id = new_ulid()
    claims = claims_of(line)

    fresh = await claims.take(ask(job_id))
    async with writer.open(job_id, fresh.attempt, None) as log:
        log.append(frame(FrameKind.CHUNK, 1, b"{}"))
        await log.flushed()
    await claims.release(job_id)
    begun = await claims.take(ask(job_id))
    async with writer.open(job_id, begun.attempt, None, first_seq=begun.frames) as log:
        log.append(frame(FrameKind.END, 2, b""))
        await log.flushed()
    over = await claims.take(ask(job_id))

    assert (fresh.attempt, fresh.frames, fresh.is_over) == (1, 0, False)
    assert (begun.attempt, begun.frames, begun.is_over) == (2, 1, False)
    assert (over.attempt, over.frames, over.is_over) == (0, 2, True)


async def test_claims_of_one_moment_are_one_call_and_each_gets_its_own(line: ScriptLine) -> None:
    claims = claims_of(line)
    jobs = [new_ulid() for _ in range(300)]

    taken = await asyncio.gather(*(claims.take(ask(job_id)) for job_id in [*jobs, jobs[0]]))

    assert [claim.attempt for claim in taken] == [1] * 300 + [0]
    assert taken[-1].held_for > 0


async def test_a_job_that_a_living_worker_holds_is_not_given_to_another(line: ScriptLine) -> None:
    job_id = new_ulid()
    first, second = claims_of(line, "first"), claims_of(line, "second")

    mine = await first.take(ask(job_id))
    refused = await second.take(ask(job_id))
    again = await first.take(ask(job_id))  # a record that came twice
    await first.release(job_id)
    given = await second.take(ask(job_id))

    assert (mine.attempt, given.attempt) == (1, 2)
    assert (refused.attempt, again.attempt) == (0, 0)
    assert 0 < refused.held_for <= 60
    assert given.held_for == 0


async def test_a_lease_that_is_not_renewed_runs_out_and_one_that_is_does_not(line: ScriptLine) -> None:
    silent_job, living_job = new_ulid(), new_ulid()
    silent, living = claims_of(line, "silent", 0.2), claims_of(line, "living", 0.2)
    await silent.take(ask(silent_job))
    await living.take(ask(living_job))
    keeping = asyncio.create_task(living.keep())
    other = claims_of(line, "other")

    async with asyncio.timeout(LIMIT):
        while (await other.take(ask(silent_job))).held_for:
            await asyncio.sleep(0.02)
    still = await other.take(ask(living_job))
    keeping.cancel()

    assert still.attempt == 0
    assert still.held_for > 0


async def test_a_closed_log_ends_every_wait_for_a_lease(line: ScriptLine, writer: RelayWriter) -> None:
    job_id = new_ulid()
    claim = await claims_of(line).take(ask(job_id))

    async with writer.open(job_id, claim.attempt, None) as log:
        log.append(b"z1 ")
        await log.flushed()

    assert (await claims_of(line, "second").take(ask(job_id))).is_over


async def test_a_claim_whose_asker_has_gone_is_renewed_by_nobody(line: ScriptLine) -> None:
    job_id, next_job = new_ulid(), new_ulid()
    claims = claims_of(line, "gone", 0.2)
    asking = asyncio.create_task(claims.take(ask(job_id)))
    await asyncio.sleep(0)
    asking.cancel()
    await claims.take(ask(next_job))  # claims are answered in order, so the abandoned one was given before
    keeping = asyncio.create_task(claims.keep())

    async with asyncio.timeout(LIMIT):
        while (await claims_of(line, "other").take(ask(job_id))).held_for:
            await asyncio.sleep(0.02)
    keeping.cancel()
