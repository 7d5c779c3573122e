"""Results of keyed jobs, which outlive the relay."""

from contracts.frames import is_terminal
from infra.database import Database
from infra.store.results import result_of


class KeptResults:
    """Reads them from the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, job_id: str, tenant: str) -> list[bytes] | None:
        """All frames of a tenant's job that has ended, if they are kept. Raises DatabaseUnavailable."""
        async with self._database.begin() as session:
            frames = await result_of(session, job_id, tenant)
        return frames if frames and is_terminal(frames[-1]) else None
