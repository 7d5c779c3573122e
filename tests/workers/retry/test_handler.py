"""The mover, on a clock of its own: it waits, gives back, and only then is done."""

import asyncio
from collections.abc import Mapping

import pytest

from contracts.envelope import Lane
from contracts.errors import ApiError, ErrorCode
from contracts.events import EVENT, Failed
from contracts.topics import COMPLETION, EVENTS, RETRIES, Topic
from infra.bus.errors import BusUnavailable, Poison, RecordTooLarge
from infra.bus.record import Record
from tests.contracts.records import JOB, envelope
from workers.retry.handler import LONGEST_SLEEP, Mover

ORIGIN, RETRY = COMPLETION[Lane.FLEX], RETRIES[10]
START = 1_800_000_000.0
VALUE = envelope().model_dump_json().encode()
FAILURE = ApiError(ErrorCode.INTERNAL, "It cannot go back").detail


class Clock:
    """Time that passes only in sleep."""

    def __init__(self) -> None:
        self.now = START
        self.slept: list[float] = []

    def read(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


class Bus:
    """Keeps what was sent, and when; raises what it was told to, once."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.sent: list[tuple[str, bytes, bytes, Mapping[str, str]]] = []
        self.times: list[float] = []
        self.events: list[bytes] = []
        self.failure: Exception | None = None

    async def send(self, topic: Topic, key: bytes, value: bytes, headers: Mapping[str, str]) -> None:
        failure, self.failure = self.failure, None
        if failure is not None:
            raise failure
        self.sent.append((topic.name, key, value, headers))
        self.times.append(self.clock.now - START)

    def post(self, topic: Topic, key: bytes, value: bytes, headers: Mapping[str, str]) -> None:
        raise AssertionError("nothing here goes without waiting")

    async def post_and_wait(self, topic: Topic, key: bytes, value: bytes, headers: Mapping[str, str]) -> None:
        assert (topic, key) == (EVENTS, JOB.encode())
        self.events.append(value)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def bus(clock: Clock) -> Bus:
    return Bus(clock)


@pytest.fixture
def mover(bus: Bus, clock: Clock) -> Mover:
    return Mover(bus, now=clock.read, sleep=clock.sleep)


def waiting(due: float = 10.0, value: bytes = VALUE, **headers: str) -> Record:
    """A record that is due so many seconds after the start."""
    way = {"x-origin-topic": ORIGIN.name, "x-not-before": f"{START + due:.3f}", "x-retry-error": "busy"}
    theirs = {"x-tries": "2", "traceparent": "00-1", **headers}
    return Record(RETRY.name, 1, 7, JOB.encode(), value, theirs | way)


async def test_a_record_goes_back_when_it_is_due_and_as_it_was(mover: Mover, bus: Bus) -> None:
    await mover.on_record(waiting(10.0))

    assert bus.sent == [(ORIGIN.name, JOB.encode(), VALUE, {"x-tries": "2", "traceparent": "00-1"})]
    assert bus.times == [pytest.approx(10.0)]


async def test_a_record_that_was_due_long_ago_goes_at_once(mover: Mover, bus: Bus, clock: Clock) -> None:
    await mover.on_record(waiting(-100_000.0))

    assert (len(bus.sent), clock.slept) == (1, [])


async def test_a_long_wait_looks_at_the_clock_now_and_then(mover: Mover, bus: Bus, clock: Clock) -> None:
    await mover.on_record(waiting(100.0))

    assert bus.times == [pytest.approx(100.0)]
    assert max(clock.slept) <= LONGEST_SLEEP


async def test_records_wait_side_by_side(bus: Bus, clock: Clock) -> None:
    due = asyncio.Event()

    async def sleep(seconds: float) -> None:
        await due.wait()
        clock.now = START + 30

    mover = Mover(bus, now=clock.read, sleep=sleep)
    waits = asyncio.gather(*(mover.on_record(waiting(wait)) for wait in (30, 10, 20)))
    due.set()
    await waits

    assert len(bus.sent) == 3


async def test_a_bus_that_is_away_leaves_the_record_undone(mover: Mover, bus: Bus) -> None:
    bus.failure = BusUnavailable("away")
    with pytest.raises(BusUnavailable):
        await mover.on_record(waiting(0))

    await mover.on_record(waiting(0))

    assert len(bus.sent) == 1


async def test_a_record_that_will_never_fit_is_poison(mover: Mover, bus: Bus) -> None:
    bus.failure = RecordTooLarge("it is")

    with pytest.raises(Poison, match="too big to go back"):
        await mover.on_record(waiting(0))


async def test_a_record_without_a_way_back_is_poison_with_its_reason(mover: Mover) -> None:
    lost = Record(RETRY.name, 1, 7, JOB.encode(), VALUE, {"x-not-before": "nan"})

    with pytest.raises(Poison, match="where it goes back to is unknown"):
        await mover.on_record(lost)


async def test_a_cancelled_wait_sends_nothing(bus: Bus) -> None:
    waits = asyncio.create_task(Mover(bus, now=lambda: START).on_record(waiting(10.0)))
    await asyncio.sleep(0)
    waits.cancel()
    await asyncio.gather(waits, return_exceptions=True)

    assert bus.sent == []


async def test_the_job_of_a_record_that_cannot_go_back_has_failed(mover: Mover, bus: Bus) -> None:
    await mover.on_dead(waiting(), FAILURE)

    (event,) = map(EVENT.validate_json, bus.events)
    assert isinstance(event, Failed)
    assert (event.job_id, event.attempt, event.error) == (JOB, 2, FAILURE)


async def test_a_record_that_names_no_job_ends_none(mover: Mover, bus: Bus) -> None:
    await mover.on_dead(waiting(value=b"\xff"), FAILURE)

    assert bus.events == []
