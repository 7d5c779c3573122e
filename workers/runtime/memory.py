"""What is known of a job when Redis has forgotten it: the ledger's row."""

import logging

from contracts.errors import ApiError
from infra.database import Database
from infra.store.jobs import job_of
from workers.runtime.claiming import Past

log = logging.getLogger(__name__)


class LedgerMemory:
    """Asks the ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def past_of(self, job_id: str) -> Past:
        """What is known of a job; nothing where it is unknown, or PostgreSQL is away."""
        try:
            async with self._database.begin() as session:
                stored = await job_of(session, job_id)
        except ApiError as error:
            log.warning("past_unknown", extra={"job_id": job_id, "error": str(error)})
            return Past()
        if stored is None:
            return Past()
        return Past(stored.view.attempts, was_visible=stored.view.first_frame_at is not None)
