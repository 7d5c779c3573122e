"""Keeps what an edge knows of the lanes fresh: one edge of all reads Kafka and tells the others.

    follow ── the leader's place is free ──▶ lead: read the backlogs and the workers' reports, publish
       ▲                                       │
       └── Kafka or Redis is away, or another edge took over ◀──┘

While they are away the last picture holds, as long as it may; see `Lanes`.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import NoReturn, Protocol

from api_edge.relay.lanes import Lanes
from contracts.topics import Topic, worker_group
from infra.bus.errors import BusError
from infra.relay.load import Picture, WorkerReport, picture_of
from infra.relay.redis import RelayDown

EVERY_SECONDS = 1.0
LOOK_SECONDS = 3.0
"""Limit of one look: shorter than a leader's time, so that a slow one is not overtaken unawares."""

log = logging.getLogger(__name__)


class Board(Protocol):
    """Where edges and workers tell each other. Calls raise RelayDown."""

    async def reports(self) -> list[WorkerReport]: ...
    async def lead(self, edge_id: str) -> bool: ...
    async def resign(self, edge_id: str) -> None: ...
    async def publish(self, picture: Picture, age: float) -> None: ...
    async def picture(self) -> tuple[Picture, float] | None: ...


class Backlogs(Protocol):
    """What waits in Kafka."""

    async def backlogs(self, groups: Mapping[str, Sequence[Topic]]) -> dict[str, dict[str, int]]:
        """Unfinished records by group and topic. Raises BusError."""


OpenBacklogs = Callable[[], AbstractAsyncContextManager[Backlogs]]


class LaneWatch:
    """One edge's watch over its lanes."""

    def __init__(
        self, lanes: Lanes, edge_id: str, board: Board, open_backlogs: OpenBacklogs, every: float
    ) -> None:
        self._lanes = lanes
        self._edge_id = edge_id
        self._board = board
        self._open_backlogs = open_backlogs
        self._every = every
        self._groups = {worker_group(topic): [topic] for topic in lanes.topics.values()}
        self._is_clear = True

    async def keep(self) -> NoReturn:
        """Until cancelled."""
        while True:
            try:
                await self._follow()
                async with self._open_backlogs() as backlogs:
                    await self._lead(backlogs)
            except (BusError, RelayDown, TimeoutError) as error:
                self._tell(error)
                self._lanes.mark()
                await self.resign()
            await asyncio.sleep(self._every)

    async def resign(self) -> None:
        """Lead no more; when that cannot be told, the place becomes free by itself."""
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                await self._board.resign(self._edge_id)
        except (RelayDown, TimeoutError) as error:
            log.debug("lanes_not_resigned", extra={"error": str(error)})

    async def _follow(self) -> None:
        """Learn from the leader, until this edge is it."""
        while True:
            self._lanes.mark()
            async with asyncio.timeout(LOOK_SECONDS):
                if await self._board.lead(self._edge_id):
                    return
                found = await self._board.picture()
            if found is not None:
                self._learn(*found)
            await asyncio.sleep(self._every)

    async def _lead(self, backlogs: Backlogs) -> None:
        """Read and tell, as long as this edge leads."""
        loop = asyncio.get_running_loop()
        while True:
            self._lanes.mark()
            began = loop.time()
            async with asyncio.timeout(LOOK_SECONDS):
                if not await self._board.lead(self._edge_id):
                    return
                picture = await self._look(backlogs)
                await self._board.publish(picture, loop.time() - began)
            self._learn(picture, loop.time() - began)
            await asyncio.sleep(self._every)

    async def _look(self, backlogs: Backlogs) -> Picture:
        counts = await backlogs.backlogs(self._groups)
        by_topic = {name: count for group in counts.values() for name, count in group.items()}
        return picture_of(by_topic, await self._board.reports())

    def _learn(self, picture: Picture, age: float) -> None:
        self._is_clear = True
        self._lanes.learn(picture, age)

    def _tell(self, error: Exception) -> None:
        """Once for each time that it goes wrong."""
        if self._is_clear:
            log.warning("lanes_unreadable", extra={"error": str(error) or type(error).__name__})
        self._is_clear = False


@asynccontextmanager
async def watched(
    lanes: Lanes, edge_id: str, board: Board, open_backlogs: OpenBacklogs, *, every: float = EVERY_SECONDS
) -> AsyncIterator[Lanes]:
    """The lanes, kept fresh for as long as it is open."""
    watch = LaneWatch(lanes, edge_id, board, open_backlogs, every)
    async with asyncio.TaskGroup() as tasks:
        keeping = tasks.create_task(watch.keep())
        try:
            yield lanes
        finally:
            keeping.cancel()
            await watch.resign()
