"""Making the topics of the catalogue, as often as one likes."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code

from contracts.topics import Topic
from infra.bus.client import address_of, guard, patiently
from infra.bus.errors import translated
from infra.settings import KafkaSettings

KNOWN_PAUSE = 0.02
SAFE_REPLICATION = 3
"""From so many replicas on, two of them must have a record before it counts as written."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TopicChanges:
    """What `create_topics` did, by names of topics."""

    created: tuple[str, ...] = ()
    grown: tuple[str, ...] = ()
    """Existing topics that got more partitions."""


async def create_topics(settings: KafkaSettings, topics: Sequence[Topic]) -> TopicChanges:
    """Create the topics that are missing, and add partitions where the catalogue asks for more.

    Never removes a partition or changes a setting of an existing topic. Raises BusError when the broker can't
    do it within the request timeout.
    """
    with translated("creating topics"):
        async with asyncio.timeout(settings.request_timeout_ms / 1000):
            return await patiently(lambda: _create(settings, [_capped(settings, topic) for topic in topics]))


@asynccontextmanager
async def open_admin(settings: KafkaSettings) -> AsyncIterator[AIOKafkaAdminClient]:
    """An admin client of the driver, connected."""
    address = address_of(settings)
    admin = AIOKafkaAdminClient(
        bootstrap_servers=address.bootstrap_servers, request_timeout_ms=address.request_timeout_ms
    )
    guard(admin._client)  # noqa: SLF001
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()


def _capped(settings: KafkaSettings, topic: Topic) -> Topic:
    limit = settings.max_partitions
    return topic if limit is None or topic.partitions <= limit else replace(topic, partitions=limit)


async def _create(settings: KafkaSettings, topics: Sequence[Topic]) -> TopicChanges:
    async with open_admin(settings) as admin:
        present = await _partitions(admin)
        missing = [topic for topic in topics if topic.name not in present]
        growing = [topic for topic in topics if topic.partitions > present.get(topic.name, topic.partitions)]
        created = await _create_missing(admin, settings, missing)
        grown = await _grow(admin, settings, growing)
        await _until_known(
            admin, {topic.name: topic.partitions for topic in topics if topic.name in {*created, *grown}}
        )
    return TopicChanges(created=created, grown=grown)


async def _create_missing(
    admin: AIOKafkaAdminClient, settings: KafkaSettings, topics: list[Topic]
) -> tuple[str, ...]:
    if not topics:
        return ()
    response = await admin.create_topics([_new_topic(settings, topic) for topic in topics])
    created = []
    for name, code, message in response.topic_errors:
        error = for_code(code)
        if code == 0:
            created.append(name)
        elif error is not TopicAlreadyExistsError:  # another process was faster
            raise error(f"{name}: {message}")
    return tuple(created)


async def _grow(admin: AIOKafkaAdminClient, settings: KafkaSettings, topics: list[Topic]) -> tuple[str, ...]:
    if topics and settings.flavor == "tansu":
        log.warning("bus_topics_cannot_grow", extra={"topics": [topic.name for topic in topics]})
        return ()
    if topics:
        await admin.create_partitions({topic.name: NewPartitions(topic.partitions) for topic in topics})
    return tuple(topic.name for topic in topics)


async def _until_known(admin: AIOKafkaAdminClient, wanted: dict[str, int]) -> None:
    """The controller has decided; wait until the broker that producers will ask has heard of it."""
    while wanted:
        known = await _partitions(admin)
        wanted = {name: partitions for name, partitions in wanted.items() if known.get(name, 0) < partitions}
        if wanted:
            await asyncio.sleep(KNOWN_PAUSE)


async def _partitions(admin: AIOKafkaAdminClient) -> dict[str, int]:
    """Partitions of every topic. Of all, since asking for one by name may create it."""
    return {topic["topic"]: len(topic["partitions"]) for topic in await admin.describe_topics()}


def _new_topic(settings: KafkaSettings, topic: Topic) -> NewTopic:
    configs = {"retention.ms": str(topic.retention_ms), "cleanup.policy": "delete"}
    if settings.replication >= SAFE_REPLICATION:
        configs["min.insync.replicas"] = "2"
    return NewTopic(topic.name, topic.partitions, settings.replication, topic_configs=configs)
