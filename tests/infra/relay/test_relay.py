"""Writer and reader over a real server: order, fencing, repeats, lost wires, lost logs."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from contracts.frames import FrameKind, frame
from contracts.ids import new_ulid
from infra.relay.cancels import Cancels
from infra.relay.claims import Claims
from infra.relay.follower import Follower
from infra.relay.keys import log_key
from infra.relay.line import ScriptLine, open_line
from infra.relay.reader import RelayReader, open_reader
from infra.relay.redis import RelayDown, open_redis
from infra.relay.writer import LogLost, RelayWriter, StaleAttempt
from infra.settings import RedisSettings, RelaySettings

LIMIT = 10


class Counts:
    """Counts what writer and reader tell."""

    def __init__(self) -> None:
        self.written = self.refused = self.read = self.filled = 0

    def frames_written(self, count: int) -> None:
        self.written += count

    def frames_refused(self, count: int) -> None:
        self.refused += count

    def frames_read(self, count: int) -> None:
        self.read += count

    def frames_filled(self, count: int) -> None:
        self.filled += count


@pytest.fixture
def counts() -> Counts:
    return Counts()


@pytest.fixture
async def client(valkey: RedisSettings) -> AsyncIterator[Redis]:
    async with open_redis(valkey) as client:
        yield client


@pytest.fixture
async def reader(client: Redis, counts: Counts) -> AsyncIterator[RelayReader]:
    async with open_reader(new_ulid(), client, RelaySettings(), heartbeat=60, stats=counts) as reader:
        yield reader


@pytest.fixture
async def line(valkey: RedisSettings) -> AsyncIterator[ScriptLine]:
    async with open_line(valkey) as line:
        yield line


@pytest.fixture
def writer(line: ScriptLine, counts: Counts) -> RelayWriter:
    return RelayWriter(line, RelaySettings(), counts)


def claims_of(line: ScriptLine, worker: str = "worker", lease: float = 60) -> Claims:
    return Claims(line, worker, retention=60, lease=lease)


def chunks(count: int, attempt: int = 1) -> list[bytes]:
    return [frame(FrameKind.CHUNK, attempt, b'{"n":%d}' % number) for number in range(count)]


async def taken(follower: Follower, count: int) -> list[bytes]:
    got: list[bytes] = []
    async with asyncio.timeout(LIMIT):
        while len(got) < count:
            got += await follower.next()
    return got


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
    first = await claims.take(job_id)
    second = await claims.take(job_id)

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


async def test_a_log_that_lost_its_beginning_takes_no_more_frames(writer: RelayWriter, client: Redis) -> None:
    job_id = new_ulid()

    async with writer.open(job_id, 1, None) as log:
        log.append(b"c1 first")
        await log.flushed()
        await client.delete(log_key(job_id))
        log.append(b"c1 second")
        with pytest.raises(LogLost):
            await log.flushed()

    assert await client.exists(log_key(job_id)) == 0


async def test_a_claim_tells_what_earlier_attempts_left(writer: RelayWriter, line: ScriptLine) -> None:
    job_id = new_ulid()
    claims = claims_of(line)

    fresh = await claims.take(job_id)
    async with writer.open(job_id, fresh.attempt, None) as log:
        log.append(frame(FrameKind.CHUNK, 1, b"{}"))
        await log.flushed()
    begun = await claims.take(job_id)
    async with writer.open(job_id, begun.attempt, None, first_seq=begun.frames) as log:
        log.append(frame(FrameKind.END, 2, b""))
        await log.flushed()
    over = await claims.take(job_id)

    assert (fresh.attempt, fresh.frames, fresh.is_over) == (1, 0, False)
    assert (begun.attempt, begun.frames, begun.is_over) == (2, 1, False)
    assert (over.attempt, over.frames, over.is_over) == (0, 2, True)


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
    writer = RelayWriter(line, RelaySettings(pending_bytes=1_000), counts)

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


async def test_claims_of_one_moment_are_one_call_and_each_gets_its_own(line: ScriptLine) -> None:
    claims = claims_of(line)
    jobs = [new_ulid() for _ in range(300)]

    taken = await asyncio.gather(*(claims.take(job_id) for job_id in [*jobs, jobs[0]]))

    assert [claim.attempt for claim in taken] == [1] * 300 + [2]


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


async def test_a_server_that_is_away_is_said_to_be_down() -> None:
    nobody = RedisSettings(url="redis://127.0.0.1:1/0", timeout=1)

    async with open_line(nobody) as line:
        with pytest.raises(RelayDown):
            await claims_of(line).take(new_ulid())


async def test_a_cancelled_job_is_stopped_where_it_runs_and_marked_where_it_does_not(
    reader: RelayReader, line: ScriptLine, client: Redis
) -> None:
    here, elsewhere = new_ulid(), new_ulid()
    stopped: list[str] = []
    told = asyncio.Event()

    def stop(job_id: str) -> None:
        stopped.append(job_id)
        told.set()

    async with Cancels(client).heard(lambda: [here], stop), asyncio.timeout(LIMIT):
        while not stopped:
            await reader.cancel(here)
            await asyncio.sleep(0.01)
        await reader.cancel(elsewhere)
        claim = await claims_of(line).take(elsewhere)

    assert stopped[0] == here
    assert claim.is_cancelled


async def test_a_cancel_that_nobody_heard_is_looked_up_when_the_wire_is_back(
    reader: RelayReader, client: Redis
) -> None:
    job_id = new_ulid()
    stopped = asyncio.Event()
    await reader.cancel(job_id)

    async with Cancels(client).heard(lambda: [job_id], lambda _: stopped.set()), asyncio.timeout(LIMIT):
        await stopped.wait()


async def test_a_job_that_a_living_worker_holds_is_not_given_to_another(line: ScriptLine) -> None:
    job_id = new_ulid()
    first, second = claims_of(line, "first"), claims_of(line, "second")

    mine = await first.take(job_id)
    refused = await second.take(job_id)
    again = await first.take(job_id)
    await first.release(job_id)
    given = await second.take(job_id)

    assert (mine.attempt, again.attempt, given.attempt) == (1, 2, 3)
    assert refused.attempt == 0
    assert 0 < refused.held_for <= 60
    assert given.held_for == 0


async def test_a_lease_that_is_not_renewed_runs_out_and_one_that_is_does_not(line: ScriptLine) -> None:
    silent_job, living_job = new_ulid(), new_ulid()
    silent, living = claims_of(line, "silent", 0.2), claims_of(line, "living", 0.2)
    await silent.take(silent_job)
    await living.take(living_job)
    keeping = asyncio.create_task(living.keep())
    other = claims_of(line, "other")

    async with asyncio.timeout(LIMIT):
        while (await other.take(silent_job)).held_for:
            await asyncio.sleep(0.02)
    still = await other.take(living_job)
    keeping.cancel()

    assert still.attempt == 0
    assert still.held_for > 0


async def test_a_closed_log_ends_every_wait_for_a_lease(line: ScriptLine, writer: RelayWriter) -> None:
    job_id = new_ulid()
    claim = await claims_of(line, "first").take(job_id)

    async with writer.open(job_id, claim.attempt, None) as log:
        log.append(b"z1 ")
        await log.flushed()

    assert (await claims_of(line, "second").take(job_id)).is_over


async def test_a_claim_whose_asker_has_gone_is_renewed_by_nobody(line: ScriptLine) -> None:
    job_id, next_job = new_ulid(), new_ulid()
    claims = claims_of(line, "gone", 0.2)
    asking = asyncio.create_task(claims.take(job_id))
    await asyncio.sleep(0)
    asking.cancel()
    await claims.take(next_job)  # claims are answered in order, so the abandoned one was given before
    keeping = asyncio.create_task(claims.keep())

    async with asyncio.timeout(LIMIT):
        while (await claims_of(line, "other").take(job_id)).held_for:
            await asyncio.sleep(0.02)
    keeping.cancel()
