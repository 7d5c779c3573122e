"""One edge reads for all, over boards and backlogs in memory."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

from prometheus_client import CollectorRegistry

from api_edge.relay.lane_watch import watched
from api_edge.relay.lanes import Lanes
from contracts.envelope import Lane
from contracts.topics import COMPLETION, Topic
from infra.bus.errors import BusError
from infra.relay.load import LaneReport, Picture, WorkerReport
from infra.relay.redis import RelayDown
from infra.settings import EdgeSettings
from infra.telemetry.metrics import EdgeMetrics

LIMIT = 5.0
TOPIC = COMPLETION[Lane.DEFAULT].name


class MemoryBoard:
    """Redis, as the edges use it."""

    def __init__(self) -> None:
        self.leader: str | None = None
        self.published: list[Picture] = []
        self.is_down = False
        self.failed = 0

    async def reports(self) -> list[WorkerReport]:
        return [WorkerReport(worker="w", lanes={TOPIC: LaneReport(running=2, places=2, rate=0.5)})]

    async def lead(self, edge_id: str) -> bool:
        if self.is_down:
            self.failed += 1
            raise RelayDown
        self.leader = self.leader or edge_id
        return self.leader == edge_id

    async def resign(self, edge_id: str) -> None:
        if self.is_down:
            raise RelayDown
        self.leader = None if self.leader == edge_id else self.leader

    async def publish(self, picture: Picture, age: float) -> None:
        self.published.append(picture)

    async def picture(self) -> tuple[Picture, float] | None:
        return (self.published[-1], 0.5) if self.published else None


class MemoryBacklogs:
    """Kafka, as an edge asks it."""

    def __init__(self) -> None:
        self.open = 0
        self.waiting = 10
        self.is_down = False

    async def backlogs(self, groups: Mapping[str, Sequence[Topic]]) -> dict[str, dict[str, int]]:
        if self.is_down:
            raise BusError
        assert all(name == f"workers.{topic.name}" for name, topics in groups.items() for topic in topics)
        return {group: {topic.name: self.waiting for topic in topics} for group, topics in groups.items()}

    @asynccontextmanager
    async def opened(self) -> AsyncIterator["MemoryBacklogs"]:
        if self.is_down:
            raise BusError
        self.open += 1
        try:
            yield self
        finally:
            self.open -= 1


def lanes() -> Lanes:
    return Lanes(COMPLETION, EdgeSettings(), EdgeMetrics(CollectorRegistry()))


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(LIMIT):
        while not holds():
            await asyncio.sleep(0)


def waiting(lanes: Lanes) -> int | None:
    load = lanes.of(Lane.DEFAULT)
    return None if load is None else load.waiting


async def test_one_edge_reads_kafka_and_the_others_know_what_it_read() -> None:
    board, kafka = MemoryBoard(), MemoryBacklogs()

    async with (
        watched(lanes(), "a", board, kafka.opened, every=0) as one,
        watched(lanes(), "b", board, kafka.opened, every=0) as two,
    ):
        await until(lambda: waiting(one) == waiting(two) == 8)
        load = two.of(Lane.DEFAULT)
        readers = kafka.open

    assert load is not None
    assert (load.running, load.rate, load.expected_wait) == (2, 0.5, 16)
    assert (readers, kafka.open) == (1, 0)


async def test_another_edge_reads_when_the_first_has_ended() -> None:
    board, kafka = MemoryBoard(), MemoryBacklogs()

    async with watched(lanes(), "a", board, kafka.opened, every=0) as one:
        await until(lambda: waiting(one) == 8)
        async with watched(lanes(), "b", board, kafka.opened, every=0):
            assert board.leader == "a"
    left = board.leader
    kafka.waiting = 20
    async with watched(lanes(), "b", board, kafka.opened, every=0) as two:
        await until(lambda: waiting(two) == 18)

    assert left is None


async def test_an_edge_that_was_overtaken_follows() -> None:
    board, kafka = MemoryBoard(), MemoryBacklogs()

    async with watched(lanes(), "a", board, kafka.opened, every=0) as one:
        await until(lambda: kafka.open == 1)
        board.leader = "b"
        await until(lambda: kafka.open == 0)
        kafka.waiting = 99
        board.published.append(Picture(lanes={TOPIC: {"backlog": 40}}))
        await until(lambda: waiting(one) == 40)


async def test_while_kafka_is_away_another_may_lead_and_the_last_picture_holds() -> None:
    board, kafka = MemoryBoard(), MemoryBacklogs()

    async with watched(lanes(), "a", board, kafka.opened, every=0) as one:
        await until(lambda: waiting(one) == 8)
        kafka.is_down = True
        await until(lambda: kafka.open == 0 and board.leader is None)
        held = waiting(one)
        kafka.is_down, kafka.waiting = False, 30
        await until(lambda: waiting(one) == 28)

    assert held == 8


async def test_while_redis_is_away_nothing_is_known_and_nothing_breaks() -> None:
    board, kafka = MemoryBoard(), MemoryBacklogs()
    board.is_down = True

    async with watched(lanes(), "a", board, kafka.opened, every=0) as one:
        await until(lambda: board.failed > 3)
        known = waiting(one)
        one.admit(Lane.DEFAULT)
        board.is_down = False
        await until(lambda: waiting(one) is not None)

    assert known is None
