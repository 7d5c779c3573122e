"""What becomes of a job whose client goes away, and of one that may not have arrived."""

import asyncio

import pytest

from contracts.jobs import CompletionEnvelope
from infra.bus.errors import BusTimeout
from tests.flows.test_chat_completion import BODY, STREAM, WHOLE
from tests.flows.world import MemoryProvider, World

CANCEL, DETACH = {"X-On-Disconnect": "cancel"}, {"X-On-Disconnect": "detach"}
KEY = {"Idempotency-Key": "k1"}


@pytest.mark.parametrize(
    ("headers", "is_stopped"),
    [
        ({}, True),
        (CANCEL, True),
        ({"X-On-Disconnect": " Cancel "}, True),
        (DETACH, False),
        (KEY, False),
        (KEY | CANCEL, True),
        (KEY | DETACH, False),
    ],
)
@pytest.mark.parametrize("body", [BODY, STREAM], ids=["whole", "stream"])
async def test_leaving_stops_the_job_unless_it_is_detached(
    body: dict[str, object],
    headers: dict[str, str],
    is_stopped: bool,  # noqa: FBT001  a case
) -> None:
    world, gone = World(MemoryProvider()), asyncio.Event()
    world.bus.runner = None
    asking = asyncio.create_task(world.post(body, headers=headers, gone=gone))
    await world.until(lambda: bool(world.bus.records))

    gone.set()
    await asking

    assert world.relay.cancelled == ({envelope_of(world).job_id} if is_stopped else set())


async def test_leaving_while_redis_is_away_is_told_when_it_is_back() -> None:
    world, gone = World(MemoryProvider()), asyncio.Event()
    world.bus.runner = None
    telling = asyncio.create_task(world.stops.tell_again())
    asking = asyncio.create_task(world.post(STREAM, gone=gone))
    await world.until(lambda: bool(world.bus.records))
    world.relay.is_down = True
    gone.set()
    await asking

    world.relay.is_down = False
    await world.until(lambda: bool(world.relay.cancelled))

    assert world.relay.cancelled == {envelope_of(world).job_id}
    telling.cancel()


@pytest.mark.parametrize("wish", ["", "explode", "cancel,detach"])
async def test_another_wish_is_refused_before_anything_is_accepted(wish: str) -> None:
    world = World(MemoryProvider())

    answer = await world.post(BODY, headers={"X-On-Disconnect": wish})

    assert answer.status == 400
    assert answer.json["error"]["code"] == "invalid_value"
    assert answer.json["error"]["param"] == "X-On-Disconnect"
    assert world.bus.records == []


@pytest.mark.parametrize(
    ("headers", "tier", "is_patient"),
    [
        ({}, None, False),
        (KEY, None, False),
        (CANCEL, None, False),
        (DETACH, None, True),
        ({}, "flex", True),
        ({}, "priority", False),
    ],
)
async def test_only_a_job_that_nobody_waits_for_at_a_connection_is_patient(
    headers: dict[str, str],
    tier: str | None,
    is_patient: bool,  # noqa: FBT001  a case
) -> None:
    world = World(MemoryProvider(whole=WHOLE))

    await world.post(BODY | ({"service_tier": tier} if tier else {}), headers=headers)

    assert envelope_of(world).patient is is_patient


async def test_a_job_names_the_life_of_the_memory_that_it_was_accepted_in() -> None:
    world = World(MemoryProvider(whole=WHOLE))

    await world.post(BODY)

    assert envelope_of(world).relay_epoch == world.relay.epoch


async def test_a_job_that_may_yet_arrive_is_stopped_before_it_can_run() -> None:
    world = World(MemoryProvider())
    world.bus.is_down, world.bus.failure = True, BusTimeout("slow")

    answer = await world.post(BODY)

    assert answer.status == 503
    assert len(world.relay.cancelled) == 1
    assert world.bus.events == []


async def test_a_keyed_job_that_may_yet_arrive_is_left_for_its_repetition() -> None:
    world = World(MemoryProvider())
    world.bus.is_down, world.bus.failure = True, BusTimeout("slow")

    answer = await world.post(BODY, headers=KEY)

    assert answer.status == 503
    assert world.relay.cancelled == set()


def envelope_of(world: World) -> CompletionEnvelope:
    (record,) = world.bus.records
    return CompletionEnvelope.model_validate_json(record.value)
