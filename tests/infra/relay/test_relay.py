"""Writer and reader over a real server: order, fencing, repeats, lost wires, lost logs."""

import asyncio

import pytest
from redis.asyncio import Redis

from contracts.frames import FrameKind, frame
from contracts.ids import new_ulid
from infra.relay import writer as writing
from infra.relay.job_log import StaleAttempt
from infra.relay.keys import log_key
from infra.relay.line import ScriptLine, open_line
from infra.relay.reader import RelayReader
from infra.relay.redis import RelayDown
from infra.relay.writer import RelayWriter
from infra.settings import RedisSettings, RelaySettings
from tests.infra.relay.tools import Counts, ask, chunks, claims_of, taken, writer_of


async def test_frames_arrive_in_order_and_stay_in_the_log(
    reader: RelayReader, writer: RelayWriter, client: Redis
) -> None:
    job_id = new_ulid()
    frames = chunks(500)

    with reader.follow(job_id) as follower:
        async with writer.open(job_id, 1, reader.channel) as log:
            for one in frames:
                log.append(one)
            await log.flushed()
        got = await taken(follower, len(frames))

    assert got == frames
    assert await client.lrange(log_key(job_id), 0, -1) == frames
    assert 0 < await client.ttl(log_key(job_id)) <= RelaySettings().retention


async def test_an_answer_beyond_what_redis_sends_costs_no_subscription(
    reader: RelayReader, writer: RelayWriter, client: Redis
) -> None:
    job_id = new_ulid()
    whole = frame(FrameKind.RESULT, 1, b"1" * (40 * 1024 * 1024))
    before = await client.client_list("pubsub")

    with reader.follow(job_id) as follower:
        async with writer.open(job_id, 1, reader.channel) as log:
            log.append(whole)
            await log.flushed()
        got = await taken(follower, 1)

    assert got == [whole]
    after = await client.client_list("pubsub")
    assert {one["id"] for one in after} == {one["id"] for one in before}


async def test_many_jobs_share_a_wire_without_mixing(reader: RelayReader, writer: RelayWriter) -> None:
    async def run() -> bool:
        job_id = new_ulid()
        frames = [frame(FrameKind.CHUNK, 1, job_id.encode() + b"%d" % number) for number in range(50)]
        with reader.follow(job_id) as follower:
            async with writer.open(job_id, 1, reader.channel) as log:
                for one in frames:
                    log.append(one)
                    await asyncio.sleep(0)
                await log.flushed()
            return await taken(follower, len(frames)) == frames

    assert all(await asyncio.gather(*(run() for _ in range(60))))


async def test_a_stale_attempt_is_refused_and_its_frames_are_not_seen(
    reader: RelayReader, writer: RelayWriter, line: ScriptLine, counts: Counts
) -> None:
    job_id = new_ulid()
    claims = claims_of(line)
    first = await claims.take(ask(job_id))
    await claims.release(job_id)
    second = await claims.take(ask(job_id))

    with reader.follow(job_id) as follower:
        async with writer.open(job_id, first.attempt, reader.channel) as stale:
            stale.append(b"c1 stale")
            with pytest.raises(StaleAttempt):
                await stale.flushed()
            with pytest.raises(StaleAttempt):
                stale.append(b"c1 more")
        async with writer.open(job_id, second.attempt, reader.channel) as current:
            current.append(b"c2 current")
            await current.flushed()
        got = await taken(follower, 1)

    assert got == [b"c2 current"]
    assert counts.refused == 1


async def test_a_write_that_is_repeated_changes_nothing(writer: RelayWriter, client: Redis) -> None:
    job_id = new_ulid()
    frames = chunks(3)

    for _ in range(2):
        async with writer.open(job_id, 1, None) as log:
            for one in frames:
                log.append(one)
            await log.flushed()

    assert await client.lrange(log_key(job_id), 0, -1) == frames


async def test_a_stream_survives_a_wire_that_is_cut_again_and_again(
    reader: RelayReader, writer: RelayWriter, client: Redis
) -> None:
    job_id = new_ulid()
    frames = chunks(300)

    with reader.follow(job_id) as follower:
        async with writer.open(job_id, 1, reader.channel) as log:
            for number, one in enumerate(frames):
                if number % 100 == 50:
                    await client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")  # type: ignore[no-untyped-call]  # as redis-py has it
                log.append(one)
                await asyncio.sleep(0.001)
            await log.flushed()
        got = await taken(follower, len(frames))

    assert got == frames


async def test_a_lost_tail_is_found_without_a_further_frame(
    reader: RelayReader, writer: RelayWriter, counts: Counts
) -> None:
    job_id = new_ulid()

    with reader.follow(job_id) as follower:
        async with writer.open(job_id, 1, None) as log:
            log.append(b"z1 ")
            await log.flushed()
        got = await taken(follower, 1)

    assert got == [b"z1 "]
    assert counts.filled == 1


async def test_a_writer_far_ahead_of_redis_is_held_back(line: ScriptLine, counts: Counts) -> None:
    writer = writer_of(line, counts, settings=RelaySettings(pending_bytes=1_000))

    async with writer.open(new_ulid(), 1, None) as log:
        for _ in range(20):
            log.append(b"c1 " + b"x" * 500)
            await log.room()
            assert len(b"".join(log.pending()[1])) <= 1_500
        await log.flushed()

    assert counts.written == 20


async def test_a_follower_that_leaves_is_forgotten(reader: RelayReader) -> None:
    with reader.follow(new_ulid()):
        assert len(reader._followers) == 1

    assert not reader._followers


async def test_a_lost_connection_and_forgotten_scripts_cost_one_call(
    line: ScriptLine, writer: RelayWriter, client: Redis
) -> None:
    job_id = new_ulid()

    async with writer.open(job_id, 1, None) as log:
        for number, harm in enumerate(["CLIENT KILL TYPE normal SKIPME yes", "SCRIPT FLUSH", "PING"]):
            log.append(b"c1 %d" % number)
            await log.flushed()
            await client.execute_command(*harm.split())  # type: ignore[no-untyped-call]  # as redis-py has it
        log.append(b"z1 ")
        await log.flushed()

    assert await client.lrange(log_key(job_id), 0, -1) == [b"c1 0", b"c1 1", b"c1 2", b"z1 "]


async def test_a_writer_that_slept_through_its_patience_hears_that_another_has_its_job(
    line: ScriptLine, writer: RelayWriter, client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "GIVE_UP_SECONDS", 0.0)
    job_id, claims = new_ulid(), claims_of(line)
    await claims.take(ask(job_id))
    await claims.release(job_id)
    await claims.take(ask(job_id))

    async with writer.open(job_id, 1, None) as log:
        await client.execute_command("SCRIPT", "FLUSH")  # type: ignore[no-untyped-call]  # as redis-py has it
        log.append(b"c1 late")
        with pytest.raises(StaleAttempt):
            await log.flushed()


async def test_a_server_that_is_away_is_said_to_be_down() -> None:
    nobody = RedisSettings(url="redis://127.0.0.1:1/0", timeout=1)

    async with open_line(nobody) as line:
        with pytest.raises(RelayDown):
            await claims_of(line).take(ask(new_ulid()))
