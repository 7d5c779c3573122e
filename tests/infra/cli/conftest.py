"""A terminal whose environment leads to the session's broker and a database of the test's own."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from contracts.topics import catalogue
from infra.bus.topics import create_topics
from infra.cli.main import app
from infra.migrations.upgrade import upgrade
from infra.settings import DatabaseSettings, KafkaSettings
from tests.infra.store.scratch import scratch_database


class Terminal:
    """Where `jan` is typed."""

    def __init__(self, kafka: KafkaSettings, database: DatabaseSettings) -> None:
        self.kafka = kafka
        self.database = database

    def jan(self, *words: str) -> Result:
        """Call `jan`."""
        return CliRunner().invoke(app, list(words))


@pytest.fixture
def terminal(
    kafka: KafkaSettings, database: DatabaseSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Terminal]:
    loop = asyncio.new_event_loop()
    scratch = scratch_database(database)
    own = loop.run_until_complete(scratch.__aenter__())
    loop.run_until_complete(upgrade(own))
    loop.run_until_complete(create_topics(kafka, catalogue()))
    settings = {
        "JAN_STACK_HOME": str(tmp_path),
        "JAN_KAFKA_BOOTSTRAP": kafka.bootstrap,
        "JAN_KAFKA_FLAVOR": kafka.flavor,
        "JAN_DATABASE_URL": own.url.get_secret_value(),
        "COLUMNS": "200",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    try:
        yield Terminal(kafka, own)
    finally:
        loop.run_until_complete(scratch.__aexit__(None, None, None))
        loop.close()
