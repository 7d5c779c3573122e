"""Words about deliveries."""

from collections.abc import Sequence

import pytest
from pydantic import TypeAdapter

from contracts.errors import ErrorDetail
from contracts.frames import FrameKind, payload_of
from contracts.headers import Header
from contracts.ids import response_id
from contracts.jobs import WebhookEnvelope
from contracts.topics import WEBHOOK
from contracts.wire.webhooks import WebhookTest
from infra.announcing import announce, announce_one
from infra.bus.errors import BusUnavailable, Poison
from infra.bus.record import Record
from infra.relay.placed import Place
from infra.settings import WorkerSettings
from infra.store.webhooks import keep_delivery, trial_of
from tests.receiver import BROKEN, Play, Receiver, closing
from tests.workers.webhook.desk import COMPLETED, TENANT, Desk
from workers.runtime.reading import Reading
from workers.webhook.handler import WebhookWork

pytestmark = pytest.mark.stack


class Logs:
    """Logs, in memory."""

    def __init__(self) -> None:
        self.written: list[tuple[Place, list[bytes]]] = []

    async def write(self, place: Place, first_seq: int, frames: Sequence[bytes]) -> bool:
        self.written.append((place, list(frames)))
        return True


class Bus:
    """Records, in memory."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.is_away = False

    async def send(self, topic: object, key: bytes, value: bytes, headers: object) -> None:
        if self.is_away:
            raise BusUnavailable("away")
        self.records.append(Record(WEBHOOK.name, 0, 0, key, value))


def room(desk: Desk, logs: Logs) -> WebhookWork:
    reading = Reading(TypeAdapter(WebhookEnvelope), WorkerSettings())
    return WebhookWork(reading, desk.database, desk.worker(), logs)


async def test_a_word_has_its_delivery_tried_once_however_often_it_comes(
    desk: Desk, receiver: Receiver
) -> None:
    await desk.endpoint(receiver.url)
    named, bus, work = await desk.happens(), Bus(), room(desk, Logs())

    await announce(bus, TENANT, named)
    for _ in range(3):
        await work.on_record(bus.records[0])

    assert len(receiver.got) == 1
    assert bus.records[0].key == named[0].encode()
    assert (await desk.row(named[0])).state == "delivered"


async def test_without_a_bus_nothing_is_said_and_the_schedule_finds_it(
    desk: Desk, receiver: Receiver
) -> None:
    await desk.endpoint(receiver.url)
    named, bus = await desk.happens(), Bus()
    bus.is_away = True

    await announce(bus, TENANT, named)
    assert await desk.worker().deliver_next()

    assert (await desk.row(named[0])).state == "delivered"


async def test_what_is_no_word_is_poison(desk: Desk) -> None:
    with pytest.raises(Poison):
        await room(desk, Logs()).on_record(Record(WEBHOOK.name, 0, 0, b"", b"{}"))


async def test_a_letter_that_was_sent_back_is_delivered_anew(desk: Desk, receiver: Receiver) -> None:
    await desk.endpoint(receiver.url)
    named, bus, work = await desk.happens(), Bus(), room(desk, Logs())
    receiver.plays(BROKEN, BROKEN, BROKEN)
    for _ in range(3):
        await desk.hasten(named[0])
        await desk.worker().deliver(named[0])
    await announce(bus, TENANT, named)
    word = bus.records[0]

    await work.on_record(word)
    assert (await desk.row(named[0])).state == "failed"
    await work.on_record(Record(word.topic, 0, 0, word.key, word.value, {Header.REDRIVE: "1"}))

    assert (await desk.row(named[0])).state == "delivered"


@pytest.mark.parametrize("play", [BROKEN, closing])
async def test_who_waits_for_a_test_is_told_of_its_end(
    desk: Desk, receiver: Receiver, play: bytes | Play
) -> None:
    endpoint, _ = await desk.endpoint(receiver.url)
    receiver.usual = play
    row = trial_of(endpoint, COMPLETED, response_id("01KB3M5Q8Z7V2T4X6Y8W0R1S2T"), *desk.soon())
    async with desk.database.begin() as session:
        await keep_delivery(session, row)
    bus, logs = Bus(), Logs()

    await announce_one(bus, TENANT, row.delivery_id, reply_to="edge")
    await room(desk, logs).on_record(bus.records[0])

    [(place, [told])] = logs.written
    assert (place.channel, place.tenant) == ("edge", TENANT)
    assert row.delivery_id.endswith(place.job_id)
    if play is BROKEN:
        assert told[0] == FrameKind.RESULT
        assert WebhookTest.model_validate_json(payload_of(told)).status_code == 500
    else:
        assert told[0] == FrameKind.ERROR
        assert "closed the connection" in ErrorDetail.model_validate_json(payload_of(told)).message
    assert (await desk.row(row.delivery_id)).state == "failed"
    assert desk.buried.letters == []
