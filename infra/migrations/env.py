"""Run by alembic: on the connection that `upgrade` hands in, or from alembic's own command line."""

import asyncio
from typing import Literal

from alembic import context
from sqlalchemy import Connection
from sqlmodel import AutoString

from infra.database import open_database
from infra.settings import DatabaseSettings
from infra.store.schema import schema


def run(connection: Connection) -> None:
    """Apply what alembic was asked for, in one transaction: a migration that fails leaves nothing behind."""
    context.configure(
        connection=connection,
        target_metadata=schema(),
        compare_server_default=True,
        render_item=plain_string,
    )
    with context.begin_transaction():
        context.run_migrations()


def plain_string(kind: str, item: object, _context: object) -> str | Literal[False]:
    """Write a new migration's strings as SQLAlchemy's, so that no migration depends on SQLModel."""
    if kind == "type" and isinstance(item, AutoString):
        return f"sa.String({item.length})"
    return False


async def run_from_command_line() -> None:
    """Open the database that the environment names, as the alembic command does not."""
    async with open_database(DatabaseSettings()) as database, database.engine.begin() as connection:
        await connection.run_sync(run)


given: Connection | None = context.config.attributes.get("connection")
if given is None:
    asyncio.run(run_from_command_line())
else:
    run(given)
