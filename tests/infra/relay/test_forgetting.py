"""Redis forgets, by a flush or a failover: what lives heals it; what is new is joined to nothing."""

import asyncio
from typing import cast

import pytest
from redis.asyncio import Redis

from contracts.frames import FrameKind, frame
from contracts.ids import new_ulid
from infra.relay.follower import StreamLost
from infra.relay.job_log import LogLost, StaleAttempt
from infra.relay.keys import EPOCH, claim_key, log_key
from infra.relay.line import ScriptLine
from infra.relay.reader import RelayReader
from infra.relay.writer import RelayWriter
from infra.settings import RelaySettings
from tests.infra.relay.tools import LIMIT, Counts, ask, chunks, claims_of, taken, writer_of


async def forget(client: Redis, job_id: str) -> None:
    """What a flush does to one job."""
    await client.delete(log_key(job_id), claim_key(job_id))


async def test_a_log_that_was_forgotten_is_written_again_and_its_reader_notices_nothing(
    reader: RelayReader, writer: RelayWriter, line: ScriptLine, client: Redis
) -> None:
    job_id = new_ulid()
    frames = chunks(6)
    await claims_of(line).take(ask(job_id))

    with reader.follow(job_id) as follower:
        async with writer.open(job_id, 1, reader.channel) as log:
            for one in frames[:3]:
                log.append(one)
            got = await taken(follower, 3)
            await forget(client, job_id)
            for one in frames[3:]:
                log.append(one)
            await log.flushed()
        got += await taken(follower, 3)

    assert got == frames
    assert await client.lrange(log_key(job_id), 0, -1) == frames


async def test_a_log_that_went_alone_is_written_again(
    writer: RelayWriter, line: ScriptLine, client: Redis
) -> None:
    job_id = new_ulid()
    await claims_of(line).take(ask(job_id))

    async with writer.open(job_id, 1, None) as log:
        log.append(b"c1 first")
        await log.flushed()
        await client.delete(log_key(job_id))
        log.append(b"c1 second")
        await log.flushed()

    assert await client.lrange(log_key(job_id), 0, -1) == [b"c1 first", b"c1 second"]


async def test_a_log_whose_start_was_not_kept_takes_no_more_frames(
    line: ScriptLine, counts: Counts, client: Redis
) -> None:
    job_id = new_ulid()
    writer = writer_of(line, counts, settings=RelaySettings(rewrite_bytes=10))
    await claims_of(line).take(ask(job_id))

    async with writer.open(job_id, 1, None) as log:
        log.append(b"c1 more than is kept")
        await log.flushed()
        await forget(client, job_id)
        log.append(b"c1 second")
        with pytest.raises(LogLost):
            await log.flushed()

    assert await client.exists(log_key(job_id)) == 0


async def test_an_attempt_that_goes_on_heals_what_was_before_it(
    writer: RelayWriter, line: ScriptLine, client: Redis
) -> None:
    job_id = new_ulid()
    before = chunks(2)
    await claims_of(line).take(ask(job_id, floor=1))

    async with writer.open(job_id, 2, None, first_seq=2, kept=before) as log:
        log.append(b"c2@2 more")
        await log.flushed()

    assert await client.lrange(log_key(job_id), 0, -1) == [*before, b"c2@2 more"]


async def test_of_two_workers_that_were_forgotten_only_one_goes_on(
    line: ScriptLine, counts: Counts, client: Redis
) -> None:
    job_id = new_ulid()
    await claims_of(line, "paused").take(ask(job_id))
    paused, next_one = writer_of(line, counts, "paused"), writer_of(line, counts, "next")

    async with paused.open(job_id, 1, None) as stale:
        stale.append(b"c1 by the paused one")
        await stale.flushed()
        await forget(client, job_id)
        claim = await claims_of(line, "next").take(ask(job_id))
        stale.append(b"c1 too late")
        with pytest.raises(StaleAttempt):
            await stale.flushed()
    async with next_one.open(job_id, claim.attempt, None) as log:
        log.append(b"c1 by the next one")
        await log.flushed()

    assert claim.attempt == 1  # the same number: the name in the claim decides
    assert await client.lrange(log_key(job_id), 0, -1) == [b"c1 by the next one"]


async def test_a_lease_that_was_forgotten_is_taken_again_with_the_next_renewal(
    line: ScriptLine, client: Redis
) -> None:
    job_id = new_ulid()
    living = claims_of(line, "living", 2)
    await living.take(ask(job_id))
    await forget(client, job_id)
    keeping = asyncio.create_task(living.keep())

    async with asyncio.timeout(LIMIT):
        while not await client.exists(claim_key(job_id)):
            await asyncio.sleep(0.02)
    refused = await claims_of(line, "other").take(ask(job_id))
    keeping.cancel()

    assert refused.attempt == 0


async def test_a_claim_tells_that_attempts_may_be_forgotten_and_numbers_rise_above_the_floor(
    line: ScriptLine, client: Redis
) -> None:
    claims = claims_of(line)
    await claims.take(ask(new_ulid()))
    epoch = cast("bytes", await client.get(EPOCH)).decode()

    known = await claims.take(ask(new_ulid(), epoch=epoch))
    older = await claims.take(ask(new_ulid(), epoch="before the flush"))
    above = await claims.take(ask(new_ulid(), floor=7))

    assert (known.is_forgotten, older.is_forgotten) == (False, True)
    assert above.attempt == 8


async def test_a_reader_learns_the_name_of_a_new_epoch(reader: RelayReader, client: Redis) -> None:
    async with asyncio.timeout(LIMIT):
        while reader.epoch is None:
            await asyncio.sleep(0.01)
    before = reader.epoch
    await client.delete(EPOCH)

    async with asyncio.timeout(LIMIT):
        while reader.epoch == before:
            await asyncio.sleep(0.01)

    assert reader.epoch is not None


async def test_a_log_that_was_begun_anew_is_not_joined_to_what_was_read(
    reader: RelayReader, line: ScriptLine, counts: Counts, client: Redis
) -> None:
    job_id = new_ulid()
    with reader.follow(job_id) as follower:
        await claims_of(line, "dead").take(ask(job_id))
        async with writer_of(line, counts, "dead").open(job_id, 1, reader.channel) as log:
            for one in chunks(3):
                log.append(one)
            await taken(follower, 3)
        await forget(client, job_id)
        claim = await claims_of(line, "next").take(ask(job_id, floor=1))
        async with writer_of(line, counts, "next").open(job_id, claim.attempt, reader.channel) as log:
            for one in chunks(5, attempt=2):
                log.append(one)
            await log.flushed()

        with pytest.raises(StreamLost, match="anew"):
            await taken(follower, 1)


async def test_a_redrive_opens_a_closed_log_once(
    line: ScriptLine, writer: RelayWriter, client: Redis
) -> None:
    job_id = new_ulid()
    claims = claims_of(line)
    await claims.take(ask(job_id))
    async with writer.open(job_id, 1, None) as log:
        log.append(frame(FrameKind.ERROR, 1, b"{}"))
        await log.flushed()
    claims.end(job_id)

    opened = await claims.take(ask(job_id, redrive=1))
    await claims.release(job_id)
    again = await claims.take(ask(job_id, redrive=1))

    assert (opened.attempt, opened.frames, opened.is_over) == (2, 0, False)
    assert (again.attempt, again.lost) == (3, 0)


async def test_attempts_whose_worker_died_are_counted_and_those_handed_back_are_not(line: ScriptLine) -> None:
    job_id = new_ulid()
    tidy, dying = claims_of(line, "tidy"), claims_of(line, "dying", 0.05)
    await tidy.take(ask(job_id))
    await tidy.release(job_id)
    await dying.take(ask(job_id))

    async with asyncio.timeout(LIMIT):
        while (claim := await tidy.take(ask(job_id))).held_for:
            await asyncio.sleep(0.02)

    assert (claim.attempt, claim.lost) == (3, 1)


async def test_an_edge_that_attaches_gets_the_live_frames_of_another_edges_job(
    reader: RelayReader, writer: RelayWriter, line: ScriptLine
) -> None:
    job_id = new_ulid()
    await claims_of(line).take(ask(job_id))
    await reader.attach(job_id)

    with reader.follow(job_id) as follower:
        async with writer.open(job_id, 1, "edge:another") as log:
            for one in chunks(3):
                log.append(one)
            await log.flushed()
        got = await taken(follower, 3)

    assert got == chunks(3)
    assert follower.filled == 0
