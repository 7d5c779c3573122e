"""Jobs told to stop, also those that Redis does not hear of at once: they are told again for a while."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from api_edge.deps import JobProducer, Relay
from contracts.events import Cancelled
from contracts.topics import EVENTS
from infra.relay.redis import RelayDown

RETRY_SECONDS = 1.0
GIVE_UP_SECONDS = 60.0
"""A Redis that is away for longer has most likely lost the job's claim, too; its deadline ends the job."""
MOST_WAITING = 10_000
"""Jobs that may wait to be told, so that a long outage holds no growing memory."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Untold:
    """A job that is to be told once more."""

    job_id: str
    tenant: str | None
    until: float


class Stops:
    """Tells jobs to stop."""

    def __init__(self, relay: Relay, producer: JobProducer, *, pause: float = RETRY_SECONDS) -> None:
        self._relay = relay
        self._producer = producer
        self._pause = pause
        self._untold: list[Untold] = []
        self._some = asyncio.Event()

    async def cancel(self, job_id: str, tenant: str | None) -> None:
        """Tell a job to stop; one that no worker holds ends here, with its event. Raises RelayDown.

        Without a tenant no event is posted: whether there is such a job is not known.
        """
        has_ended = await self._relay.cancel(job_id)
        if has_ended and tenant is not None:
            event = Cancelled(job_id=job_id, tenant=tenant, at=datetime.now(UTC), attempt=0)
            self._producer.post(EVENTS, job_id.encode(), event.model_dump_json().encode(), {})

    async def stop(self, job_id: str, tenant: str | None) -> None:
        """The same, told again in the background while Redis is away."""
        try:
            await self.cancel(job_id, tenant)
        except RelayDown as error:
            log.warning("job_not_cancelled", extra={"job_id": job_id, "error": str(error)})
            if len(self._untold) < MOST_WAITING:
                until = asyncio.get_running_loop().time() + GIVE_UP_SECONDS
                self._untold.append(Untold(job_id, tenant, until))
                self._some.set()

    async def tell_again(self) -> None:
        """Until cancelled."""
        while True:
            await self._some.wait()
            await asyncio.sleep(self._pause)
            await self._tell_all()

    async def _tell_all(self) -> None:
        now = asyncio.get_running_loop().time()
        while self._untold:
            first = self._untold[0]
            if now > first.until:
                log.error("cancel_given_up", extra={"job_id": first.job_id})
            else:
                try:
                    await self.cancel(first.job_id, first.tenant)
                except RelayDown:
                    return
            self._untold.pop(0)
        self._some.clear()


@asynccontextmanager
async def open_stops(relay: Relay, producer: JobProducer) -> AsyncIterator[Stops]:
    """Stops that are told again for as long as they are open."""
    stops = Stops(relay, producer)
    async with asyncio.TaskGroup() as tasks:
        telling = tasks.create_task(stops.tell_again())
        try:
            yield stops
        finally:
            telling.cancel()
