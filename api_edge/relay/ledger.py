"""The ledger, as the edge reads it."""

from contracts.envelope import Lane
from infra.database import Database
from infra.store.jobs import StoredJob, job_of, queue_position


class LedgerReader:
    """Reads jobs from the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, job_id: str) -> StoredJob | None:
        """A job, as far as its events are folded. Raises DatabaseUnavailable."""
        async with self._database.begin() as session:
            return await job_of(session, job_id)

    async def ahead_of(self, job_id: str, lane: Lane) -> int:
        """Queued jobs of a lane that were accepted before this one. Raises DatabaseUnavailable."""
        async with self._database.begin() as session:
            return await queue_position(session, lane.value, job_id)
