"""A migrated database and a topic of events for each test of the ledger."""

from collections.abc import AsyncIterator

import pytest

from contracts.ids import new_ulid
from contracts.topics import EVENTS, HOUR_MS, Topic
from infra.bus.topics import create_topics
from infra.database import Database, open_database
from infra.migrations.upgrade import upgrade
from infra.settings import DatabaseSettings, KafkaSettings
from tests.infra.store.scratch import scratch_database


@pytest.fixture
async def own_database(database: DatabaseSettings) -> AsyncIterator[DatabaseSettings]:
    async with scratch_database(database) as settings:
        await upgrade(settings)
        yield settings


@pytest.fixture
async def store(own_database: DatabaseSettings) -> AsyncIterator[Database]:
    async with open_database(own_database) as opened:
        yield opened


@pytest.fixture
async def topic(kafka: KafkaSettings) -> Topic:
    topic = Topic(f"events.{new_ulid().lower()}.v1", "job_id", 2, HOUR_MS, EVENTS.payload, "events")
    await create_topics(kafka, [topic])
    return topic
