"""Bring a database's schema to the newest migration; two processes at once take turns."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, text

from infra.database import Database, open_database
from infra.settings import DatabaseSettings

MIGRATION_TIMEOUT = 600.0
"""Seconds for one statement of a migration, or for another process's turn: a filled table takes time."""
MIGRATION_LOCK = 0x6A616E_6D6967
"""Advisory lock (a constant of our own) that is held while migrations run."""


async def upgrade(settings: DatabaseSettings) -> str:
    """Apply what is missing, in one transaction; returns the revision. Raises DatabaseUnavailable."""
    patient = settings.model_copy(update={"timeout": MIGRATION_TIMEOUT})
    async with open_database(patient) as database:
        return await _upgrade(database)


async def _upgrade(database: Database) -> str:
    async with database.begin() as session:
        connection = await session.connection()
        await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
        return await connection.run_sync(_to_head)


def _to_head(connection: Connection) -> str:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    return MigrationContext.configure(connection).get_current_revision() or "none"
