"""What this process does for each lane, told to the edges once a second.

How fast a lane gets on is not simply how many jobs begin: where few are asked for, few begin. So its rate is
the higher of two: the jobs that began lately, and the places over the time that a job takes. A job takes what
those that ended took, or what the running ones have taken so far, if that is longer: a provider that has
become slow shows before its first answer does.
"""

import asyncio
import logging
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Protocol

from infra.bus.record import Record
from infra.relay.load import LaneReport, WorkerReport
from infra.relay.redis import RelayDown

EVERY_SECONDS = 1.0
SMOOTHING_SECONDS = 10.0
"""What happened so long ago weighs a third of what happens now."""
LEAST_SECONDS = 0.001
"""No job counts as shorter, so that no rate is endless."""

Handler = Callable[[Record], Awaitable[None]]

log = logging.getLogger(__name__)


class Board(Protocol):
    """Where it is told."""

    async def tell(self, report: WorkerReport) -> None:
        """A report of this moment. Raises RelayDown."""

    async def leave(self, worker: str) -> None:
        """The worker ends. Raises RelayDown."""


class LaneCount:
    """One lane's jobs in this process. Times are the clock's, in seconds."""

    def __init__(self, places: int, now: float) -> None:
        self._places = places
        self._told = now
        self._running = 0
        self._since = 0.0  # the sum of the moments at which the running ones began
        self._begun = 0
        self._begun_rate = 0.0
        self._ended = 0.0
        self._seconds = 0.0  # that the ended ones took; both fade

    def begin(self, now: float) -> None:
        """A job begins."""
        self._running += 1
        self._since += now
        self._begun += 1

    def end(self, began: float, now: float) -> None:
        """A job that began then has ended."""
        self._running -= 1
        self._since = self._since - began if self._running else 0.0
        self._ended += 1
        self._seconds += now - began

    def report(self, now: float) -> LaneReport:
        """What to tell; what happened before fades with each report."""
        passed = max(now - self._told, LEAST_SECONDS)
        keep = math.exp(-passed / SMOOTHING_SECONDS)
        self._begun_rate = self._begun_rate * keep + self._begun / passed * (1 - keep)
        rate = max(self._begun_rate, self._capacity(now))
        self._told, self._begun = now, 0
        self._ended, self._seconds = self._ended * keep, self._seconds * keep
        return LaneReport(running=self._running, places=self._places, rate=round(rate, 3))

    def _capacity(self, now: float) -> float:
        """Jobs in a second with every place taken; 0 when no job was seen."""
        if not self._running and not self._ended:
            return 0.0
        ended = self._seconds / self._ended if self._ended else 0.0
        age = now - self._since / self._running if self._running else 0.0
        return self._places / max(ended, age, LEAST_SECONDS)


class LaneCounts:
    """All lanes of this process, by their topics."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lanes: dict[str, LaneCount] = {}

    def counted(self, topic: str, places: int, handle: Handler) -> Handler:
        """The same handler of a topic's records, with each call counted."""
        lane = self._lanes[topic] = LaneCount(places, self._clock())

        async def on_record(record: Record) -> None:
            began = self._clock()
            lane.begin(began)
            try:
                await handle(record)
            finally:
                lane.end(began, self._clock())

        return on_record

    def reports(self) -> dict[str, LaneReport]:
        """What to tell now, once for each period."""
        now = self._clock()
        return {topic: lane.report(now) for topic, lane in self._lanes.items()}


@asynccontextmanager
async def reported(board: Board, worker: str, counts: LaneCounts) -> AsyncIterator[None]:
    """While open, the edges know what this worker does; after that, at once, that it is gone."""
    telling = asyncio.create_task(_tell(board, worker, counts), name="load")
    try:
        yield
    finally:
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)
        try:
            await board.leave(worker)
        except RelayDown as error:
            log.warning("load_not_told", extra={"error": str(error)})


async def _tell(board: Board, worker: str, counts: LaneCounts) -> None:
    is_heard = True
    while True:
        try:
            await board.tell(WorkerReport(worker=worker, lanes=counts.reports()))
            is_heard = True
        except RelayDown as error:
            if is_heard:
                log.warning("load_not_told", extra={"error": str(error)})
            is_heard = False
        await asyncio.sleep(EVERY_SECONDS)
