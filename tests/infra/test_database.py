"""Units of work on a real PostgreSQL."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError
from sqlmodel.ext.asyncio.session import AsyncSession

from infra.database import Database, DatabaseUnavailable, asyncpg_url, open_database
from infra.settings import DatabaseSettings
from tests.faults.proxy import Proxy, open_proxy
from tests.infra.store.scratch import scratch_database

pytestmark = pytest.mark.stack


@pytest.fixture
async def scratch(database: DatabaseSettings) -> AsyncIterator[DatabaseSettings]:
    async with scratch_database(database) as settings, open_database(settings) as opened:
        await execute(opened, "CREATE TABLE notes (id int PRIMARY KEY)")
        yield settings


async def execute(database: Database, statement: str) -> list[object]:
    async with database.begin() as session:
        return await run(session, statement)


async def run(session: AsyncSession, statement: str) -> list[object]:
    answer = await (await session.connection()).execute(text(statement))
    return [row[0] for row in answer] if answer.returns_rows else []


async def test_unit_of_work_commits_when_its_block_ends(scratch: DatabaseSettings) -> None:
    async with open_database(scratch) as database:
        await execute(database, "INSERT INTO notes VALUES (1)")

        assert await execute(database, "SELECT id FROM notes") == [1]


async def test_unit_of_work_leaves_nothing_when_its_block_raises(scratch: DatabaseSettings) -> None:
    async with open_database(scratch) as database:
        with pytest.raises(OSError, match="the caller's own"):
            await _insert_then_fail(database)

        assert await execute(database, "SELECT id FROM notes") == []


async def _insert_then_fail(database: Database) -> None:
    async with database.begin() as session:
        await run(session, "INSERT INTO notes VALUES (1)")
        raise OSError("the caller's own")


async def test_conflict_stays_what_it_is(scratch: DatabaseSettings) -> None:
    async with open_database(scratch) as database:
        await execute(database, "INSERT INTO notes VALUES (1)")

        with pytest.raises(IntegrityError):
            await execute(database, "INSERT INTO notes VALUES (1)")


async def test_statement_that_takes_too_long_is_stopped(scratch: DatabaseSettings) -> None:
    impatient = scratch.model_copy(update={"timeout": 0.2})
    async with open_database(impatient) as database:
        with pytest.raises(DatabaseUnavailable):
            await execute(database, "SELECT pg_sleep(5)")

        await database.ping()


async def test_full_pool_is_waited_for_no_longer_than_the_limit(scratch: DatabaseSettings) -> None:
    narrow = scratch.model_copy(update={"pool_size": 1, "timeout": 0.2})
    async with open_database(narrow) as database, database.begin():
        with pytest.raises(DatabaseUnavailable):
            await database.ping()


async def test_pool_opens_no_more_connections_than_its_size(scratch: DatabaseSettings) -> None:
    narrow = scratch.model_copy(update={"pool_size": 2})
    async with open_database(narrow) as database:
        pids = await asyncio.gather(
            *(execute(database, "SELECT pg_backend_pid() FROM pg_sleep(0.01)") for _ in range(8))
        )

    assert len({pid for (pid,) in pids}) <= 2


async def test_lost_connection_is_replaced_before_its_next_use(scratch: DatabaseSettings) -> None:
    async with open_database(scratch) as database, open_database(scratch) as other:
        (pid,) = await execute(database, "SELECT pg_backend_pid()")
        await execute(other, f"SELECT pg_terminate_backend({pid}, 5000)")

        await database.ping()


async def test_connection_cut_inside_a_unit_of_work_is_an_outage(scratch: DatabaseSettings) -> None:
    async with open_database(scratch) as database:
        with pytest.raises(DatabaseUnavailable):
            await execute(database, "SELECT pg_terminate_backend(pg_backend_pid())")


@pytest.mark.parametrize(
    "change", [{"port": 1}, {"database": "nowhere"}], ids=["refused", "no such database"]
)
async def test_database_that_cannot_be_reached_is_an_outage(
    scratch: DatabaseSettings, change: dict[str, str | int]
) -> None:
    url = make_url(scratch.url.get_secret_value())
    elsewhere = url.set(
        host=url.host or "127.0.0.1",
        port=int(change.get("port", url.port or 5432)),
        database=str(change.get("database", url.database)),
        query={} if "port" in change else url.query,
    )
    settings = scratch.model_copy(update={"url": SecretStr(elsewhere.render_as_string(hide_password=False))})

    async with open_database(settings) as database:
        with pytest.raises(DatabaseUnavailable) as outage:
            await database.ping()

    assert outage.value.detail.status == 503
    assert not re.search(r"127\.0\.0\.1|nowhere", outage.value.detail.message)


async def test_server_that_accepts_and_is_silent_is_an_outage() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://jan@127.0.0.1:{silent.getsockname()[1]}/jan"
        async with open_database(DatabaseSettings(url=SecretStr(url), timeout=0.2)) as database:
            with pytest.raises(DatabaseUnavailable):
                await database.ping()


@pytest.mark.parametrize("moment", ["statement", "commit"])
async def test_server_that_falls_silent_inside_a_unit_of_work_is_an_outage_and_comes_back(
    scratch: DatabaseSettings, moment: str
) -> None:
    url = make_url(scratch.url.get_secret_value())
    async with open_proxy(url.port or 5432) as proxy:
        through = url.set(host="127.0.0.1", port=proxy.port).render_as_string(hide_password=False)
        settings = scratch.model_copy(update={"url": SecretStr(through), "timeout": 0.2})
        async with open_database(settings) as database:
            with pytest.raises(DatabaseUnavailable):
                await _fall_silent(database, proxy, moment)

            proxy.heal()
            await database.ping()


async def _fall_silent(database: Database, proxy: Proxy, moment: str) -> None:
    async with database.begin() as session:
        await run(session, "SELECT 1")
        proxy.black_hole()
        if moment == "statement":
            await run(session, "SELECT 1")


def test_sslmode_of_libpq_is_told_to_the_driver_in_its_own_word() -> None:
    url = asyncpg_url("postgresql://jan:pw@db/jan?sslmode=require&application_name=x")

    assert url.drivername == "postgresql+asyncpg"
    assert dict(url.query) == {"ssl": "require", "application_name": "x"}
