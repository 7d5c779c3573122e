"""The backlog of groups, on a real broker: the fallback one tells where a partition begins only roughly."""

import asyncio
from collections.abc import Sequence

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import OffsetAndMetadata

from contracts.ids import new_ulid
from contracts.topics import Topic
from infra.bus.errors import BusError
from infra.bus.lag import LagReader, open_lag
from infra.bus.producer import Producer
from infra.bus.record import Record
from infra.bus.tail import open_reader
from infra.settings import KafkaSettings
from tests.infra.bus.conftest import NewTopic, Until, Working

pytestmark = pytest.mark.kafka


class CountingAdmin(AIOKafkaAdminClient):  # type: ignore[misc]  # the driver has no types
    """Counts what is asked of the broker, and answers as the driver does when a broker refuses."""

    def __init__(self, settings: KafkaSettings) -> None:
        super().__init__(bootstrap_servers=settings.bootstrap)
        self.described = 0
        self.found = 0
        self.refusals = 0

    async def describe_topics(self, topics: list[str] | None = None) -> list[dict[str, object]]:
        self.described += 1
        described: list[dict[str, object]] = await super().describe_topics(topics)
        return described

    async def find_coordinator(self, group_id: str, coordinator_type: int = 0) -> int:
        self.found += 1
        node: int = await super().find_coordinator(group_id, coordinator_type)
        return node

    async def list_consumer_group_offsets(
        self,
        group_id: str,
        group_coordinator_id: int | None = None,
        partitions: list[TopicPartition] | None = None,
    ) -> dict[TopicPartition, OffsetAndMetadata]:
        if self.refusals:
            self.refusals -= 1
            return {}
        offsets: dict[TopicPartition, OffsetAndMetadata] = await super().list_consumer_group_offsets(
            group_id, group_coordinator_id, partitions
        )
        return offsets


async def send(producer: Producer, topic: Topic, count: int) -> None:
    await asyncio.gather(*(producer.send(topic, b"%d" % number, b"x", {}) for number in range(count)))


async def test_groups_are_read_together_each_by_its_own_place(
    new_topic: NewTopic, producer: Producer, working: Working, until: Until, quick: KafkaSettings
) -> None:
    one, two, behind, ahead = await new_topic(3), await new_topic(2), new_ulid(), new_ulid()
    done: list[bytes] = []
    await send(producer, one, 5)
    await send(producer, two, 7)

    async def on_record(record: Record) -> None:
        done.append(record.value)

    async with working(one, on_record, group=ahead):
        await until(lambda: len(done) == 5)
    async with open_lag(quick) as lag:
        backlogs = await lag.backlogs({behind: [one, two], ahead: [one]})

    assert backlogs == {behind: {one.name: 5, two.name: 7}, ahead: {one.name: 0}}


async def test_a_topic_that_nobody_made_has_no_backlog(new_topic: NewTopic, quick: KafkaSettings) -> None:
    topic = await new_topic(1)
    missing = Topic(f"jobs.{new_ulid()}.v1", "job_id", 1, topic.retention_ms, topic.payload, "Never made")

    async with open_lag(quick) as lag:
        assert await lag.backlog(new_ulid(), [topic, missing]) == {topic.name: 0, missing.name: 0}


async def test_what_changes_seldom_is_asked_once(
    new_topic: NewTopic, producer: Producer, quick: KafkaSettings
) -> None:
    topic, group = await new_topic(4), new_ulid()
    admin = CountingAdmin(quick)

    backlogs = await _read(admin, quick, producer, group, [topic])

    assert backlogs == [0, 3, 6, 9]
    assert (admin.described, admin.found) == (1, 1)


async def test_a_refused_answer_is_no_backlog_and_makes_it_look_for_the_coordinator_again(
    new_topic: NewTopic, producer: Producer, quick: KafkaSettings
) -> None:
    topic, group = await new_topic(1), new_ulid()
    admin = CountingAdmin(quick)
    admin.refusals = 1

    backlogs = await _read(admin, quick, producer, group, [topic])

    assert backlogs == [0, 3, 6, 9]
    assert (admin.described, admin.found) == (2, 2)


async def test_a_topic_that_was_never_asked_for_is_looked_up(
    new_topic: NewTopic, producer: Producer, quick: KafkaSettings
) -> None:
    first, second, group = await new_topic(1), await new_topic(1), new_ulid()

    async with open_lag(quick) as lag:
        await lag.backlog(group, [first])
        await send(producer, second, 2)
        assert await lag.backlog(group, [second]) == {second.name: 2}
        assert await lag.backlog(group, [first]) == {first.name: 0}


async def test_a_broker_that_is_away_is_an_error_of_the_bus() -> None:
    nowhere = KafkaSettings(bootstrap="127.0.0.1:1", request_timeout_ms=1_000)

    with pytest.raises(BusError, match="connecting a reader of backlogs"):
        async with open_lag(nowhere):
            pass


async def _read(
    admin: AIOKafkaAdminClient,
    settings: KafkaSettings,
    producer: Producer,
    group: str,
    topics: Sequence[Topic],
) -> list[int]:
    """Four readings, with three records more before each but the first."""
    found = []
    try:
        await admin.start()
        async with open_reader(settings) as reader:
            lag = LagReader(settings, admin, reader)
            for number in range(4):
                if number:
                    await send(producer, topics[0], 3)
                found.append((await lag.backlog(group, topics))[topics[0].name])
    finally:
        await admin.close()
    return found
