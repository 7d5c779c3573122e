"""Keeps the frames of keyed jobs in PostgreSQL, where they outlive the relay."""

import asyncio
import logging
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from contracts.envelope import Envelope
from contracts.errors import ApiError
from contracts.frames import is_terminal
from infra.database import Database
from infra.relay.log import LogReader
from infra.relay.redis import RelayDown
from infra.settings import WorkerSettings
from infra.store.results import keep_result

PATIENCE = 60.0
"""Seconds for which keeping is tried again; beyond, the answer can be had for as long as the relay has it."""
PAUSE = 1.0

log = logging.getLogger(__name__)


class KeptResults:
    """Copies logs to PostgreSQL."""

    def __init__(self, database: Database, logs: LogReader, settings: WorkerSettings) -> None:
        self._database = database
        self._logs = logs
        self._kept_for = timedelta(seconds=settings.results_ttl)

    async def keep(self, envelope: Envelope[Any]) -> None:
        """Keep the frames of an ended job. Never raises: what cannot be kept is told in the log."""
        until = time.monotonic() + PATIENCE
        while True:
            try:
                return await self._keep(envelope)
            except (ApiError, RelayDown) as error:
                log.warning("result_not_kept", extra={"job_id": envelope.job_id, "error": str(error)})
                if time.monotonic() > until:
                    return None
            await asyncio.sleep(PAUSE)

    async def _keep(self, envelope: Envelope[Any]) -> None:
        frames = await self._logs.whole(envelope.job_id)
        if not frames or not is_terminal(frames[-1]):  # forgotten since it was closed
            log.warning("result_forgotten", extra={"job_id": envelope.job_id})
            return
        now = datetime.now(UTC)
        async with self._database.begin() as session:
            await keep_result(session, envelope.job_id, envelope.tenant, frames, now, now + self._kept_for)
