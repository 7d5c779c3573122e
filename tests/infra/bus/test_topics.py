"""Making topics, again and again."""

import asyncio
import dataclasses
import time

import pytest
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from pydantic import TypeAdapter

from contracts.ids import new_ulid
from contracts.topics import HOUR_MS, Topic
from infra.bus.errors import BusError
from infra.bus.topics import TopicChanges, create_topics, open_admin
from infra.settings import KafkaSettings


def a_topic(partitions: int = 3) -> Topic:
    return Topic(f"jobs.{new_ulid()}.v1", "job_id", partitions, HOUR_MS, TypeAdapter(dict), "Test jobs")


async def partitions_of(settings: KafkaSettings, topic: Topic) -> int:
    async with open_admin(settings) as admin:
        [described] = await admin.describe_topics([topic.name])
    return len(described["partitions"])


async def test_a_missing_topic_is_created_once(kafka: KafkaSettings) -> None:
    topics = [a_topic(3), a_topic(1)]

    first = await create_topics(kafka, topics)
    second = await create_topics(kafka, topics)

    assert first == TopicChanges(created=tuple(topic.name for topic in topics))
    assert second == TopicChanges()
    assert await partitions_of(kafka, topics[0]) == 3


@pytest.mark.kafka
async def test_a_topic_grows_with_the_catalogue_and_never_shrinks(kafka: KafkaSettings) -> None:
    topic = a_topic(2)
    await create_topics(kafka, [topic])

    grown = await create_topics(kafka, [dataclasses.replace(topic, partitions=5)])
    kept = await create_topics(kafka, [dataclasses.replace(topic, partitions=1)])

    assert grown == TopicChanges(grown=(topic.name,))
    assert kept == TopicChanges()
    assert await partitions_of(kafka, topic) == 5


async def test_two_processes_may_create_at_once(kafka: KafkaSettings) -> None:
    topics = [a_topic() for _ in range(4)]

    changes = await asyncio.gather(*(create_topics(kafka, topics) for _ in range(3)))

    created = [name for change in changes for name in change.created]
    assert sorted(created) == sorted(topic.name for topic in topics)


@pytest.mark.kafka
async def test_retention_is_what_the_catalogue_says(kafka: KafkaSettings) -> None:
    topic = a_topic()
    await create_topics(kafka, [topic])

    async with open_admin(kafka) as admin:
        [response] = await admin.describe_configs([_config_of(topic)])

    values = {entry[0]: entry[1] for resource in response.resources for entry in resource[4]}
    assert values["retention.ms"] == str(HOUR_MS)


async def test_no_broker_is_an_error_within_the_limit() -> None:
    settings = KafkaSettings(bootstrap="127.0.0.1:1", request_timeout_ms=1_000)
    begun = time.monotonic()

    with pytest.raises(BusError):
        await create_topics(settings, [a_topic()])

    assert time.monotonic() - begun < 3


def _config_of(topic: Topic) -> ConfigResource:
    return ConfigResource(ConfigResourceType.TOPIC, topic.name)
