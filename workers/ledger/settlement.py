"""Settles what jobs were held for, when the ledger has written what they used. It never holds the ledger up.

What cannot be settled for a while is forgotten: the job is held no longer some time after its deadline, and
what is spent is read from the ledger again every few minutes.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Protocol

from contracts.errors import ApiError
from contracts.story import Ended
from infra.database import Database, DatabaseUnavailable
from infra.store.budgets import Standing, standings_of

PAUSE = 1.0
"""Seconds between tries while Redis or PostgreSQL is away."""
MOST = 50_000
"""Jobs that wait; of more, the oldest are forgotten."""
AT_ONCE = 2_000
LAST_SECONDS = 3.0
"""For what still waits when the process is told to stop."""

log = logging.getLogger(__name__)


class Settling(Protocol):
    """Where jobs are held."""

    async def settle(self, tenant: str, used: Mapping[str, int], standings: Sequence[Standing] = ()) -> int:
        """Charge what jobs used, and tell what is spent. Raises ApiError."""


class Settlement:
    """A queue of jobs that have ended."""

    def __init__(self, database: Database, holder: Settling, *, pause: float = PAUSE) -> None:
        self._database = database
        self._holder = holder
        self._pause = pause
        self._waiting: deque[Ended] = deque(maxlen=MOST)
        self._some = asyncio.Event()

    def settle(self, ended: Sequence[Ended]) -> None:
        """Let these be settled in the background."""
        if len(self._waiting) + len(ended) > MOST:
            log.error("settlements_forgotten", extra={"jobs": len(self._waiting) + len(ended) - MOST})
        self._waiting.extend(ended)
        if self._waiting:
            self._some.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._some.wait()
            try:
                await self.settle_waiting()
            except ApiError as error:
                log.warning("settlement_waits", extra={"error": str(error), "jobs": len(self._waiting)})
                await asyncio.sleep(self._pause)

    async def settle_waiting(self) -> None:
        """All that wait now. Raises ApiError; what is not settled then waits on."""
        while self._waiting:
            some = [self._waiting.popleft() for _ in range(min(AT_ONCE, len(self._waiting)))]
            tenants: dict[str, dict[str, int]] = {}
            for job in some:
                tenants.setdefault(job.tenant, {})[job.job_id] = job.tokens
            try:
                await self._settle(tenants)
            except ApiError:
                self._waiting.extendleft(reversed([job for job in some if job.tenant in tenants]))
                raise
        self._some.clear()

    async def _settle(self, tenants: dict[str, dict[str, int]]) -> None:
        """Tenant by tenant, each of which is taken away when it is settled."""
        standings = await self._standings(tenants.keys())
        for tenant in list(tenants):
            await self._holder.settle(tenant, tenants[tenant], standings.get(tenant, ()))
            del tenants[tenant]

    async def _standings(self, tenants: Collection[str]) -> Mapping[str, Sequence[Standing]]:
        """Read after the ledger's transaction, and so the last to commit tells all. None while PostgreSQL is
        away: what jobs hold must not wait for it."""
        try:
            async with self._database.begin() as session:
                return await standings_of(session, tenants, datetime.now(UTC))
        except DatabaseUnavailable as error:
            log.warning("standings_unread", extra={"error": str(error)})
            return {}


@asynccontextmanager
async def settled(settlement: Settlement) -> AsyncIterator[Settlement]:
    """Settle while the block runs, and what is left when it ends."""
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(settlement.run())
        try:
            yield settlement
        finally:
            running.cancel()
            with suppress(ApiError, TimeoutError):
                async with asyncio.timeout(LAST_SECONDS):
                    await settlement.settle_waiting()
