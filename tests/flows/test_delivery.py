"""Jobs whose worker, provider or relay fails: what is done again, what is told again, and what ends."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contracts.errors import ErrorCode
from contracts.events import Claimed, Failed, Finished, HandedBack, Postponed
from contracts.frames import FrameKind, frame
from contracts.headers import Header
from contracts.jobs import CompletionEnvelope
from infra.bus.errors import Exhausted, Poison
from infra.bus.record import Record
from infra.relay.claims import ClaimAsk
from infra.settings import WorkerSettings
from tests.flows.test_chat_completion import BODY, GOOD, STREAM, WHOLE, chunk, kinds
from tests.flows.world import MemoryProvider, World
from workers.completion.core import MayPass

OVERLOADED = MayPass(ErrorCode.PROVIDER_ERROR, "The provider answered with status 503.")


async def accepted(world: World, body: dict[str, Any], **changes: object) -> CompletionEnvelope:
    """A job as the edge writes it, with a name of its own and never done before."""
    runner, world.bus.runner = world.bus.runner, None
    asking = asyncio.create_task(world.post(body))
    await world.until(lambda: bool(world.bus.records))
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    world.bus.runner = runner
    envelope = CompletionEnvelope.model_validate_json(world.bus.records.pop().value)
    world.bus.events.clear()
    world.relay.cancelled.clear()
    world.relay.logs.clear()
    return envelope.model_copy(update=changes)


def record_of(envelope: CompletionEnvelope, **headers: str) -> Record:
    """The envelope as it lies in its topic."""
    value = envelope.model_dump_json().encode()
    return Record("jobs.completion.default.v1", 0, 0, envelope.job_id.encode(), value, headers)


async def test_the_end_of_a_job_whose_worker_died_before_it_told_is_told_by_the_next() -> None:
    world = World(MemoryProvider(GOOD))
    envelope = await accepted(world, STREAM)
    ending = b'{"model":"m","finish_reason":"stop","usage":{"input_tokens":3,"output_tokens":2}}'
    world.relay.logs[envelope.job_id] = [
        frame(FrameKind.CHUNK, 3, b"{}"),
        frame(FrameKind.END, 3, ending),
    ]

    await world.runner.on_record(record_of(envelope))

    (told,) = world.bus.events
    assert isinstance(told, Finished)
    assert told.usage is not None
    assert (told.attempt, told.finish_reason, told.usage.output_tokens) == (3, "stop", 2)
    assert world.provider.asked == []


async def test_an_error_at_the_end_of_a_log_is_told_again_as_the_same_error() -> None:
    world = World(MemoryProvider())
    envelope = await accepted(world, BODY)
    world.relay.logs[envelope.job_id] = [
        frame(FrameKind.ERROR, 1, OVERLOADED.detail.model_dump_json().encode())
    ]

    await world.runner.on_record(record_of(envelope))

    (told,) = world.bus.events
    assert isinstance(told, Failed)
    assert told.error == OVERLOADED.detail


async def test_a_job_that_ends_is_kept_where_its_caller_gave_a_key() -> None:
    world = World(MemoryProvider(whole=WHOLE))
    keyed = await accepted(world, BODY, idempotency_key="k1")
    plain = await accepted(world, BODY)

    await world.runner.on_record(record_of(keyed))
    await world.runner.on_record(record_of(plain))

    assert world.relay.kept == [keyed.job_id]


async def test_a_worker_that_stops_hands_its_job_back_and_says_so() -> None:
    gate = asyncio.Event()
    world = World(MemoryProvider([[chunk("a")], gate, *GOOD[1:]]))
    envelope = await accepted(world, STREAM)
    running = asyncio.create_task(world.runner.on_record(record_of(envelope)))
    await world.until(lambda: "first_frame" in kinds(world))

    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    assert isinstance(world.bus.events[-1], HandedBack)
    assert world.relay.released == [envelope.job_id]
    assert world.relay.ended == []


async def test_a_patient_job_waits_for_another_attempt_and_an_impatient_one_ends() -> None:
    world = World(MemoryProvider(whole=OVERLOADED))
    patient = await accepted(world, BODY, patient=True)
    impatient = await accepted(world, BODY)

    await world.runner.on_record(record_of(patient))
    await world.runner.on_record(record_of(impatient))

    of_patient = [event for event in world.bus.events if event.job_id == patient.job_id]
    of_impatient = [event for event in world.bus.events if event.job_id == impatient.job_id]
    assert isinstance(of_patient[-1], Postponed)
    assert isinstance(of_impatient[-1], Failed)
    assert world.relay.released == [patient.job_id]
    assert patient.job_id not in world.relay.logs
    assert [error for _, error, _ in world.postponer.postponed] == [OVERLOADED.detail]


async def test_a_patient_job_without_a_further_try_is_a_dead_letter_with_the_last_error() -> None:
    world = World(MemoryProvider(whole=OVERLOADED))
    world.postponer.tries = 0
    envelope = await accepted(world, BODY, patient=True)

    with pytest.raises(Exhausted) as exhausted:
        await world.runner.on_record(record_of(envelope))
    await world.runner.on_dead(record_of(envelope), exhausted.value.detail)

    last = world.bus.events[-1]
    assert isinstance(last, Failed)
    assert last.error == OVERLOADED.detail
    assert b"503" in world.relay.logs[envelope.job_id][-1]


async def test_a_job_that_killed_worker_after_worker_is_not_given_to_another() -> None:
    world = World(MemoryProvider(whole=WHOLE))
    envelope = await accepted(world, BODY)
    world.relay.lost[envelope.job_id] = WorkerSettings().max_lost

    with pytest.raises(Exhausted) as exhausted:
        await world.runner.on_record(record_of(envelope))

    assert exhausted.value.detail.code == ErrorCode.ATTEMPTS_EXHAUSTED
    assert world.provider.asked == []


async def test_attempts_that_redis_forgot_are_numbered_on_and_their_answer_is_not_begun_anew() -> None:
    world = World(MemoryProvider(GOOD))
    envelope = await accepted(world, STREAM)
    world.relay.forgotten.add(envelope.job_id)

    await world.runner.on_record(record_of(envelope))

    claimed = next(event for event in world.bus.events if isinstance(event, Claimed))
    assert claimed.attempt == 2  # the ledger knew of one
    assert b"worker_lost" in world.relay.logs[envelope.job_id][-1]
    assert world.provider.asked == []


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"not json", "not an envelope"),
        (b"", "not an envelope"),
        (b"\xff" * 10, "not an envelope"),
        (b'{"version":2}', "unknown version"),
        (b" " * (4 * 1024 * 1024 + 1), "too big"),
    ],
)
async def test_what_no_attempt_can_do_is_poison_with_its_reason(value: bytes, reason: str) -> None:
    world = World(MemoryProvider())

    with pytest.raises(Poison, match=reason):
        await world.runner.on_record(Record("t", 0, 0, b"", value))


async def test_a_job_long_after_its_deadline_is_poison_and_ends_for_its_caller() -> None:
    world = World(MemoryProvider())
    long_ago = datetime.now(UTC) - timedelta(days=3)
    envelope = await accepted(world, BODY, asked_at=long_ago, deadline=long_ago)

    with pytest.raises(Poison, match="too old"):
        await world.runner.on_record(record_of(envelope))
    await world.runner.on_dead(record_of(envelope), OVERLOADED.detail)

    assert isinstance(world.bus.events[-1], Failed)


async def test_a_job_of_another_version_of_the_topic_says_so() -> None:
    world = World(MemoryProvider())
    envelope = await accepted(world, BODY)
    newer = json.loads(envelope.model_dump_json()) | {"version": 2}

    with pytest.raises(Poison, match="unknown version"):
        await world.runner.on_record(Record("t", 0, 0, b"", json.dumps(newer).encode()))


async def test_a_redriven_record_asks_for_its_job_to_be_opened_again() -> None:
    world = World(MemoryProvider(whole=WHOLE))
    envelope = await accepted(world, BODY)

    await world.runner.on_record(record_of(envelope, **{Header.REDRIVE: "2"}))

    assert world.relay.asked[-1].redrive == 2


async def test_a_stale_attempt_whose_successor_dies_too_takes_the_job_again() -> None:
    gate = asyncio.Event()
    world = World(MemoryProvider([[chunk("a")], gate, [chunk("late")], *GOOD[1:]]))
    envelope = await accepted(world, STREAM)
    running = asyncio.create_task(world.runner.on_record(record_of(envelope)))
    await world.until(lambda: "first_frame" in kinds(world))

    await world.relay.take(ClaimAsk(envelope.job_id, "t1"))  # by a worker that is not heard of again
    gate.set()
    await running

    assert kinds(world) == ["claimed", "first_frame", "claimed", "failed"]
    assert [event.attempt for event in world.bus.events if isinstance(event, Claimed | Failed)] == [1, 3, 3]
    assert b"worker_lost" in world.relay.logs[envelope.job_id][-1]


async def test_an_attempt_that_cannot_write_takes_the_job_again_and_ends_it_once() -> None:
    gate = asyncio.Event()
    world = World(MemoryProvider([[chunk("a")], gate, [chunk("late")], *GOOD[1:]]))
    envelope = await accepted(world, STREAM)
    running = asyncio.create_task(world.runner.on_record(record_of(envelope)))
    await world.until(lambda: "first_frame" in kinds(world))

    world.relay.refusals = 1
    gate.set()
    await running

    assert kinds(world) == ["claimed", "first_frame", "claimed", "failed"]
    assert world.relay.released == [envelope.job_id]
    assert b"worker_lost" in world.relay.logs[envelope.job_id][-1]


async def test_a_job_whose_end_cannot_be_written_before_its_deadline_ends_in_the_ledger() -> None:
    world = World(MemoryProvider(whole=WHOLE))
    late = await accepted(world, BODY, deadline=datetime.now(UTC) - timedelta(seconds=1))
    world.relay.refusals = 1

    await world.runner.on_record(record_of(late))

    assert kinds(world) == ["claimed", "failed"]
    assert late.job_id not in world.relay.logs
