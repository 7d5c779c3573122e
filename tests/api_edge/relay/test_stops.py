"""Jobs are told to stop, also when Redis hears of it late."""

import asyncio
from collections.abc import AsyncIterator, Mapping

import pytest

from api_edge.relay import stops as module
from api_edge.relay.stops import Stops
from contracts.events import EVENT, Cancelled, Event
from contracts.ids import new_ulid
from contracts.topics import Topic
from infra.relay.redis import RelayDown
from tests.flows.world import MemoryRelay

JOB = new_ulid()


class Posted:
    """Keeps events."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    async def send(self, topic: Topic, key: bytes, value: bytes, headers: Mapping[str, str]) -> None:
        raise AssertionError

    def post(self, topic: Topic, key: bytes, value: bytes, headers: Mapping[str, str]) -> None:
        self.events.append(EVENT.validate_json(value))


@pytest.fixture
def relay() -> MemoryRelay:
    return MemoryRelay()


@pytest.fixture
def posted() -> Posted:
    return Posted()


@pytest.fixture
async def stops(relay: MemoryRelay, posted: Posted) -> AsyncIterator[Stops]:
    """Told again at once, and again."""
    stops = Stops(relay, posted, pause=0)
    async with asyncio.TaskGroup() as tasks:
        telling = tasks.create_task(stops.tell_again())
        yield stops
        telling.cancel()


async def test_a_job_that_no_worker_held_ends_with_its_event(
    stops: Stops, relay: MemoryRelay, posted: Posted
) -> None:
    await stops.cancel(JOB, "t1")

    (event,) = posted.events
    assert isinstance(event, Cancelled)
    assert (event.job_id, event.tenant, event.attempt) == (JOB, "t1", 0)
    assert relay.cancelled == {JOB}


async def test_a_job_that_a_worker_holds_is_ended_by_its_worker(
    stops: Stops, relay: MemoryRelay, posted: Posted
) -> None:
    relay.attempts[JOB] = 1

    await stops.cancel(JOB, "t1")

    assert relay.cancelled == {JOB}
    assert posted.events == []


async def test_a_job_that_may_not_exist_gets_no_event(
    stops: Stops, relay: MemoryRelay, posted: Posted
) -> None:
    await stops.stop(JOB, None)

    assert relay.cancelled == {JOB}
    assert posted.events == []


async def test_who_asks_for_a_cancel_is_told_that_redis_is_away(stops: Stops, relay: MemoryRelay) -> None:
    relay.is_down = True

    with pytest.raises(RelayDown):
        await stops.cancel(JOB, "t1")


async def test_what_redis_did_not_hear_it_is_told_when_it_is_back(
    stops: Stops, relay: MemoryRelay, posted: Posted
) -> None:
    relay.is_down = True
    await stops.stop(JOB, "t1")
    await _turns(20)

    relay.is_down = False
    await _turns(20)

    assert relay.cancelled == {JOB}
    assert len(posted.events) == 1


async def test_a_redis_that_stays_away_is_told_no_more(
    stops: Stops, relay: MemoryRelay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GIVE_UP_SECONDS", -1.0)
    relay.is_down = True
    await stops.stop(JOB, "t1")
    await _turns(20)

    relay.is_down = False
    await _turns(20)

    assert relay.cancelled == set()


async def _turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)
