"""The migrations add up to the tables that the code uses, on an empty and on a filled database."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from infra import migrations
from infra.database import open_database
from infra.migrations.upgrade import upgrade
from infra.settings import DatabaseSettings
from infra.store.schema import TABLES, schema
from infra.store.users import add_user, new_guest, user_of
from tests.infra.store.scratch import scratch_database

pytestmark = pytest.mark.stack


@pytest.fixture
async def empty(database: DatabaseSettings) -> AsyncIterator[DatabaseSettings]:
    async with scratch_database(database) as settings:
        yield settings


FIRST_GUEST = """
INSERT INTO users (user_id, tenant, username, is_guest, roles, created_at)
VALUES ('01ARYZ6S41TSV4RRFFQ69G5FAV', '01ARYZ6S41TSV4RRFFQ69G5FAV', 'guest-1', true, '{guest}', :now)
"""

ENDED_JOB = """
INSERT INTO jobs (job_id, tenant, state, attempts, redrives, ended_at, input_tokens, output_tokens, timeline)
VALUES (:id, 't', 'finished', 1, 0, :now, :tokens, 1, '[]')
"""


def differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"compare_server_default": True})
    return list(compare_metadata(context, schema()))


def to_revision(connection: Connection, revision: str) -> None:
    config = alembic_config()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def alembic_config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(str(migrations.__file__)).parent))
    return config


async def test_migrated_schema_is_the_one_that_the_code_declares(empty: DatabaseSettings) -> None:
    await upgrade(empty)

    async with open_database(empty) as database, database.engine.connect() as connection:
        assert await connection.run_sync(differences) == []


async def test_filled_database_of_the_first_release_keeps_its_data(empty: DatabaseSettings) -> None:
    async with open_database(empty) as database:
        async with database.engine.begin() as connection:
            await connection.run_sync(to_revision, "0001")
            await connection.execute(text(FIRST_GUEST), {"now": datetime.now(UTC)})

        await upgrade(empty)

        async with database.begin() as session:
            guest = await user_of(session, "01ARYZ6S41TSV4RRFFQ69G5FAV")
    assert guest is not None
    assert (guest.username, guest.roles, guest.version, guest.settings) == ("guest-1", ["guest"], 1, {})


async def test_the_use_of_known_jobs_is_counted_when_usage_is_added(empty: DatabaseSettings) -> None:
    async with open_database(empty) as database:
        async with database.engine.begin() as connection:
            await connection.run_sync(to_revision, "0006")
            for job_id, tokens in (("a", 5), ("b", 7), ("c", None)):
                values = {"id": job_id, "tokens": tokens, "now": datetime(2026, 11, 22, 23, tzinfo=UTC)}
                await connection.execute(text(ENDED_JOB), values)

        await upgrade(empty)

        async with database.begin() as session:
            rows = await (await session.connection()).execute(
                text(
                    "SELECT tenant, key_id, day::text, input_tokens, output_tokens, changes FROM daily_usage"
                )
            )
            assert [tuple(row) for row in rows] == [("t", "", "2026-11-22", 12, 2, 2)]


async def test_migrating_again_changes_nothing_and_keeps_the_data(empty: DatabaseSettings) -> None:
    first = await upgrade(empty)
    guest = new_guest(datetime.now(UTC))
    async with open_database(empty) as database:
        async with database.begin() as session:
            await add_user(session, guest)

        second = await upgrade(empty)

        async with database.begin() as session:
            assert await user_of(session, guest.user_id) is not None
    assert second == first


async def test_processes_that_migrate_at_once_take_turns(empty: DatabaseSettings) -> None:
    revisions = await asyncio.gather(*(upgrade(empty) for _ in range(4)))

    assert len(set(revisions)) == 1


async def test_history_has_one_head_and_the_database_reaches_it(empty: DatabaseSettings) -> None:
    heads = ScriptDirectory.from_config(alembic_config()).get_heads()

    assert [await upgrade(empty)] == heads


def test_every_table_of_the_metadata_is_listed() -> None:
    assert {table.__tablename__ for table in TABLES} == set(schema().tables)
