"""Databases of a test's own: made on the server of the fixtures, dropped afterwards."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from contracts.ids import new_ulid
from infra.database import asyncpg_url
from infra.settings import DatabaseSettings


@asynccontextmanager
async def scratch_database(server: DatabaseSettings) -> AsyncIterator[DatabaseSettings]:
    """An empty database."""
    name = f"scratch_{new_ulid().lower()}"
    url = server.url.get_secret_value()
    await _run(url, f'CREATE DATABASE "{name}"')
    try:
        own = make_url(url).set(database=name).render_as_string(hide_password=False)
        yield server.model_copy(update={"url": SecretStr(own)})
    finally:
        await _run(url, f'DROP DATABASE "{name}" WITH (FORCE)')


async def _run(url: str, statement: str) -> None:
    engine = create_async_engine(asyncpg_url(url), isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.execute(text(statement))
    await engine.dispose()
