"""Tells, while a worker runs, how it finds the endpoints that it asks."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from infra.registry.health import EndpointHealth, HealthBoard
from infra.telemetry.worker_metrics import WorkerMetrics
from workers.completion.routing.contact import Contact
from workers.completion.routing.directory import Directory

TELL_SECONDS = 1.0
"""Short enough that nobody misses a change, without a word from the calls themselves."""
Place = tuple[str, str]
"""A provider's name and an endpoint's number in it: what a label may show."""


class Reporter:
    """What one worker tells of its endpoints."""

    def __init__(self, directory: Directory, board: HealthBoard, metrics: WorkerMetrics, worker: str) -> None:
        self._directory = directory
        self._board = board
        self._metrics = metrics
        self._worker = worker
        self._shown: set[Place] = set()
        self._told: set[str] = set()

    async def keep(self) -> None:
        """Tell it until cancelled, and let go of endpoints that no provider has any more."""
        while True:
            self._directory.forget_others()
            await self.tell()
            await asyncio.sleep(TELL_SECONDS)

    async def tell(self) -> None:
        """Tell how all are now."""
        now = asyncio.get_running_loop().time()
        found: dict[str, list[EndpointHealth]] = defaultdict(list)
        for contact in self._directory.contacts():
            found[contact.provider.provider_id].append(_health(contact, now))
        self._show(now)
        await self._board.leave(self._worker, self._told - found.keys())
        await self._board.tell(self._worker, found)
        self._told = set(found)

    async def leave(self) -> None:
        """This worker finds nothing any more."""
        await self._board.leave(self._worker, self._told)

    def _show(self, now: float) -> None:
        shown = {_place(contact): contact for contact in self._directory.contacts()}
        for place, contact in shown.items():
            self._metrics.breaker(*place, contact.breaker.state(now).value)
        for place in self._shown - shown.keys():
            self._metrics.breaker_gone(*place)
        self._shown = set(shown)


@asynccontextmanager
async def reported(
    directory: Directory, board: HealthBoard, metrics: WorkerMetrics, worker: str
) -> AsyncIterator[None]:
    """Tell it while the block runs."""
    reporter = Reporter(directory, board, metrics, worker)
    keeping = asyncio.create_task(reporter.keep())
    try:
        yield
    finally:
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping
        await reporter.leave()


def _place(contact: Contact) -> Place:
    urls = [endpoint.url for endpoint in contact.provider.endpoints]
    return contact.provider.name, str(urls.index(contact.endpoint.url))


def _health(contact: Contact, now: float) -> EndpointHealth:
    breaker = contact.breaker
    return EndpointHealth(
        url=contact.endpoint.url,
        state=breaker.state(now).value,
        failures=breaker.failures,
        rests_for=round(max(breaker.rests_until - now, 0.0), 3),
    )
