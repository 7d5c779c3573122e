"""Sending dead letters back: once, not in circles, and not half."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime

import pytest

from contracts.events import EVENT, Redriven
from contracts.jobs import CompletionEnvelope
from contracts.topics import EVENTS, Topic
from infra.bus.errors import BusUnavailable
from infra.bus.letter import DeadLetter
from infra.database import Database, open_database
from infra.migrations.upgrade import upgrade
from infra.redrive import Redriver
from infra.settings import DatabaseSettings
from tests.contracts.records import JOB, envelope
from tests.infra.bus.letters import HEADERS, ORIGIN, letter
from tests.infra.store.scratch import scratch_database

pytestmark = pytest.mark.stack

NOW = datetime(2026, 6, 2, 12, tzinfo=UTC)
VALUE = envelope().model_dump_json().encode()


class Bus:
    """Keeps what was sent; refuses a topic while it is told to."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes, bytes, Mapping[str, str]]] = []
        self.refuses: str | None = None

    async def send(self, topic: Topic | str, key: bytes, value: bytes, headers: Mapping[str, str]) -> None:
        name = topic if isinstance(topic, str) else topic.name
        if name == self.refuses:
            raise BusUnavailable("away")
        self.sent.append((name, key, value, headers))

    @property
    def names(self) -> list[str]:
        return [name for name, *_ in self.sent]


@pytest.fixture
async def store(database: DatabaseSettings) -> AsyncIterator[Database]:
    async with scratch_database(database) as settings:
        await upgrade(settings)
        async with open_database(settings) as opened:
            yield opened


@pytest.fixture
def bus() -> Bus:
    return Bus()


def redriver(bus: Bus, store: Database, *, force: bool = False, by: str = "ann@desk") -> Redriver:
    return Redriver(bus, store, by, force=force, now=lambda: NOW)


def dead(redrive: int = 0, value: bytes = VALUE) -> DeadLetter:
    return letter(value, HEADERS | ({"x-redrive": str(redrive)} if redrive else {}))


async def test_a_letter_goes_back_and_its_job_is_told_open_before(bus: Bus, store: Database) -> None:
    assert await redriver(bus, store).redrive(dead()) is None

    (event_topic, event_key, event, event_headers), (topic, key, value, headers) = bus.sent
    assert (event_topic, event_key) == (EVENTS.name, JOB.encode())
    assert EVENT.validate_json(event) == Redriven(job_id=JOB, tenant="t1", at=NOW, redrive=1)
    assert event_headers["traceparent"] == HEADERS["traceparent"]
    assert (topic, key, headers["x-redrive"]) == (ORIGIN.name, b"key", "1")
    assert CompletionEnvelope.model_validate_json(value).deadline > NOW


async def test_a_letter_goes_once_whoever_sends_it(bus: Bus, store: Database) -> None:
    await redriver(bus, store).redrive(dead())

    why = await redriver(bus, store, by="bob@desk").redrive(dead())

    assert why == "it was sent back at 2026-06-02 12:00:00 UTC by ann@desk"
    assert bus.names == [EVENTS.name, ORIGIN.name]


async def test_of_two_operators_at_once_one_sends(bus: Bus, store: Database) -> None:
    answers = await asyncio.gather(*(redriver(bus, store).redrive(dead()) for _ in range(4)))

    assert answers.count(None) == 1
    assert bus.names == [EVENTS.name, ORIGIN.name]


async def test_a_letter_that_came_back_too_often_is_refused(bus: Bus, store: Database) -> None:
    why = await redriver(bus, store).redrive(dead(redrive=3))

    assert why == "it came back 3 times and died again each time, at most 3"
    assert bus.sent == []


async def test_force_sends_what_goes_in_circles_or_went_before_with_rising_numbers(
    bus: Bus, store: Database
) -> None:
    forcing = redriver(bus, store, force=True)

    assert [await forcing.redrive(dead(redrive=3)) for _ in range(2)] == [None, None]

    numbers = [headers["x-redrive"] for name, _, _, headers in bus.sent if name == ORIGIN.name]
    assert numbers == ["4", "5"]


@pytest.mark.parametrize("topic", [ORIGIN.name, EVENTS.name])
async def test_a_letter_that_could_not_be_sent_may_be_sent_later(
    bus: Bus, store: Database, topic: str
) -> None:
    bus.refuses = topic
    with pytest.raises(BusUnavailable):
        await redriver(bus, store).redrive(dead())
    bus.refuses = None

    assert await redriver(bus, store).redrive(dead()) is None
    assert bus.names[-1] == ORIGIN.name


async def test_a_forced_letter_that_could_not_be_sent_has_still_gone_before(
    bus: Bus, store: Database
) -> None:
    await redriver(bus, store).redrive(dead())
    bus.refuses = ORIGIN.name
    with pytest.raises(BusUnavailable):
        await redriver(bus, store, force=True).redrive(dead())

    assert await redriver(bus, store).objection(dead()) is not None


async def test_objections_are_told_without_sending(bus: Bus, store: Database) -> None:
    asked = redriver(bus, store)

    assert await asked.objection(dead()) is None
    assert await asked.objection(dead(redrive=3)) is not None
    await asked.redrive(dead())
    assert await asked.objection(dead()) is not None
    assert await redriver(bus, store, force=True).objection(dead(redrive=3)) is None
    assert bus.names == [EVENTS.name, ORIGIN.name]


async def test_a_letter_without_a_job_goes_back_without_an_event(bus: Bus, store: Database) -> None:
    assert await redriver(bus, store).redrive(dead(value=b"\xff")) is None

    assert bus.names == [ORIGIN.name]
    assert bus.sent[0][2] == b"\xff"
