"""Reading dead letters on a real broker, and which are meant."""

from datetime import UTC, datetime, timedelta

import pytest

from contracts.ids import new_ulid
from contracts.topics import COMPLETION, MEDIA, RESPONSE, RETRIES, TOOL, WEBHOOK, catalogue
from infra.bus.dead import Wanted, dead_topics, letter_at, newest_letters, origin_of, read_letters
from infra.bus.letter import DeadLetter, Place
from infra.bus.producer import Producer
from infra.bus.topics import create_topics
from infra.settings import KafkaSettings
from tests.contracts.records import envelope
from tests.infra.bus.letters import DEAD, HEADERS, MOMENT, ORIGIN, TRACE, letter

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
VALUE = envelope().model_dump_json().encode()


@pytest.fixture
async def broker(quick: KafkaSettings) -> KafkaSettings:
    """The broker, with every topic of the catalogue."""
    await create_topics(quick, catalogue())
    return quick


async def bury(producer: Producer, tenant: str, count: int = 1, error: str = "RuntimeError: no") -> list[str]:
    """Write letters of this tenant, a minute apart; the ids of their jobs."""
    ids = [new_ulid() for _ in range(count)]
    for minute, job_id in enumerate(ids):
        value = b'{"job_id": "%s", "tenant": "%s"}' % (job_id.encode(), tenant.encode())
        at = (MOMENT + timedelta(minutes=minute)).isoformat()
        headers = {**HEADERS, "x-dead-at": at, "x-dead-error": error}
        await producer.send(DEAD, job_id.encode(), value, headers)
    return ids


def jobs(letters: list[DeadLetter]) -> list[str | None]:
    return [one.job_id for one in letters]


async def read(broker: KafkaSettings, wanted: Wanted) -> list[DeadLetter]:
    return [one async for one in read_letters(broker, wanted)]


async def test_letters_of_a_tenant_are_found_in_order(broker: KafkaSettings, producer: Producer) -> None:
    tenant = new_ulid()
    ids = await bury(producer, tenant, 5)

    assert jobs(await read(broker, Wanted(tenant=tenant))) == ids


async def test_the_newest_are_kept_and_shown_last(broker: KafkaSettings, producer: Producer) -> None:
    tenant = new_ulid()
    ids = await bury(producer, tenant, 5)

    assert jobs(await newest_letters(broker, Wanted(tenant=tenant), 2)) == ids[-2:]


async def test_a_letter_is_found_at_its_place_with_all_that_was_written(
    broker: KafkaSettings, producer: Producer
) -> None:
    (job_id,) = await bury(producer, new_ulid())
    (found,) = await read(broker, Wanted(job_id=job_id))

    again = await letter_at(broker, found.place)

    assert again == found
    assert again is not None
    assert (again.place.topic, again.trace_id, again.record.headers["x-tries"]) == (DEAD.name, TRACE, "3")


async def test_a_place_without_a_letter_has_none(broker: KafkaSettings, producer: Producer) -> None:
    (job_id,) = await bury(producer, new_ulid())
    (found,) = await read(broker, Wanted(job_id=job_id))
    place = found.place

    assert await letter_at(broker, Place(place.topic, place.partition, 10**17)) is None
    assert await letter_at(broker, Place(place.topic, 77, place.offset)) is None
    assert await letter_at(broker, Place(ORIGIN.name, 0, 0)) is None


@pytest.mark.kafka
async def test_letters_since_a_moment_are_found_without_reading_all(
    broker: KafkaSettings, producer: Producer
) -> None:
    tenant = new_ulid()
    await bury(producer, tenant, 3)

    assert len(await read(broker, Wanted(tenant=tenant, since=LONG_AGO))) == 3
    assert len(await read(broker, Wanted(tenant=tenant, since=datetime(1, 1, 2, tzinfo=UTC)))) == 3
    assert await read(broker, Wanted(tenant=tenant, since=datetime.now(UTC) + timedelta(hours=1))) == []


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted(),
        Wanted(reason="attempts_exhausted"),
        Wanted(tenant="t1", text="AGAIN"),
        Wanted(since=MOMENT, until=MOMENT + timedelta(seconds=1)),
    ],
)
def test_a_letter_is_meant_when_everything_holds(wanted: Wanted) -> None:
    assert wanted.fits(letter(VALUE))


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted(reason="poison"),
        Wanted(tenant="t1", text="never"),
        Wanted(tenant="t2"),
        Wanted(job_id="other"),
        Wanted(until=MOMENT),
        Wanted(since=MOMENT + timedelta(seconds=1)),
    ],
)
def test_a_letter_is_not_meant_when_one_thing_does_not_hold(wanted: Wanted) -> None:
    assert not wanted.fits(letter(VALUE))


def test_a_topic_is_named_by_itself_or_by_its_origin() -> None:
    assert Wanted(topic=DEAD.name).topics() == [DEAD]
    assert Wanted(topic=ORIGIN.name).topics() == [DEAD]
    assert Wanted(topic="nowhere.v1").topics() == []
    assert Wanted().topics() == dead_topics()


def test_every_topic_with_dead_letters_is_looked_into() -> None:
    origins = {origin_of(topic).name for topic in dead_topics()}

    jobs = (*COMPLETION.values(), MEDIA, TOOL, RESPONSE, WEBHOOK)
    assert origins == {topic.name for topic in (*jobs, *RETRIES.values())}


def test_only_a_choice_of_nothing_is_everything() -> None:
    assert Wanted().is_everything
    assert not Wanted(text="").is_everything
