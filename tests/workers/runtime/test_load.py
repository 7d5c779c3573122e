"""What a worker says of its lanes, on a clock that the tests move."""

import asyncio

import pytest

from infra.bus.record import Record
from infra.relay.load import LaneReport, WorkerReport
from infra.relay.redis import RelayDown
from workers.runtime.load import LaneCounts, reported

TOPIC = "jobs"
RECORD = Record(TOPIC, 0, 0, b"k", b"v", {})
LIMIT = 5.0


class Clock:
    """Moves when told."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Bench:
    """A lane whose jobs begin and end when told."""

    def __init__(self, places: int) -> None:
        self.clock = Clock()
        self.counts = LaneCounts(self.clock)
        self._handle = self.counts.counted(TOPIC, places, self._on_record)
        self._gates: list[asyncio.Event] = []
        self._jobs: list[asyncio.Task[None]] = []

    async def begin(self, count: int) -> None:
        for _ in range(count):
            self._jobs.append(asyncio.create_task(self._run()))
        while len(self._gates) < len(self._jobs):
            await asyncio.sleep(0)

    async def end(self, count: int) -> None:
        ending, self._jobs = self._jobs[:count], self._jobs[count:]
        for gate in self._gates[:count]:
            gate.set()
        del self._gates[:count]
        await asyncio.gather(*ending)

    def report(self, after: float = 1.0) -> LaneReport:
        self.clock.now += after
        return self.counts.reports()[TOPIC]

    async def _run(self) -> None:
        await self._handle(RECORD)

    async def _on_record(self, record: Record) -> None:
        assert record is RECORD
        gate = asyncio.Event()
        self._gates.append(gate)
        await gate.wait()


async def test_a_lane_without_jobs_promises_nothing() -> None:
    assert Bench(places=8).report() == LaneReport(running=0, places=8, rate=0.0)


async def test_running_jobs_are_counted_until_they_end() -> None:
    bench = Bench(places=8)

    await bench.begin(5)
    running = bench.report().running
    await bench.end(3)

    assert (running, bench.report().running) == (5, 2)
    await bench.end(2)


async def test_a_job_that_fails_has_ended_too() -> None:
    counts = LaneCounts(Clock())

    async def fail(_: Record) -> None:
        raise ValueError("poor")

    with pytest.raises(ValueError, match="poor"):
        await counts.counted(TOPIC, 4, fail)(RECORD)

    assert counts.reports()[TOPIC].running == 0


async def test_a_full_lane_gets_on_as_fast_as_its_jobs_end() -> None:
    bench = Bench(places=4)
    await bench.begin(4)

    rates = []
    for _ in range(20):
        rates.append(bench.report(after=2.0).rate)
        await bench.end(4)
        await bench.begin(4)

    assert rates[-1] == pytest.approx(2.0, rel=0.01)
    await bench.end(4)


async def test_a_lane_of_which_little_is_asked_could_do_more() -> None:
    bench = Bench(places=100)

    reports = []
    for _ in range(10):
        await bench.begin(1)
        bench.clock.now += 0.5
        await bench.end(1)
        reports.append(bench.report(after=0.5))

    assert reports[-1].rate == pytest.approx(200.0)


async def test_jobs_that_become_slow_show_before_they_end() -> None:
    bench = Bench(places=10)
    await bench.begin(10)
    bench.clock.now += 1
    await bench.end(10)
    fast = bench.report(after=0).rate
    await bench.begin(10)

    slow = [bench.report().rate for _ in range(60)]

    assert fast >= 10
    assert slow[-1] < 0.5
    await bench.end(10)


async def test_short_jobs_beside_long_ones_count() -> None:
    bench = Bench(places=12)
    await bench.begin(10)  # for ever

    reports = []
    for _ in range(60):
        for _ in range(8):
            await bench.begin(1)
            bench._gates.insert(0, bench._gates.pop())
            bench._jobs.insert(0, bench._jobs.pop())
            await bench.end(1)
        reports.append(bench.report())

    assert reports[-1].rate == pytest.approx(8.0, rel=0.01)
    await bench.end(10)


class MemoryBoard:
    """Keeps what it is told, unless it is down."""

    def __init__(self) -> None:
        self.told: list[WorkerReport] = []
        self.left: list[str] = []
        self.is_down = False
        self.heard = asyncio.Event()

    async def tell(self, report: WorkerReport) -> None:
        self.heard.set()
        if self.is_down:
            raise RelayDown
        self.told.append(report)

    async def leave(self, worker: str) -> None:
        if self.is_down:
            raise RelayDown
        self.left.append(worker)


async def test_it_is_told_while_the_worker_runs_and_taken_back_at_its_end() -> None:
    board, bench = MemoryBoard(), Bench(places=3)

    async with reported(board, "w1", bench.counts):
        await asyncio.wait_for(board.heard.wait(), LIMIT)
        left = list(board.left)

    assert board.told == [WorkerReport(worker="w1", lanes={TOPIC: LaneReport(places=3)})]
    assert (left, board.left) == ([], ["w1"])


async def test_a_board_that_is_away_disturbs_no_work() -> None:
    board = MemoryBoard()
    board.is_down = True

    async with reported(board, "w1", LaneCounts()):
        await asyncio.wait_for(board.heard.wait(), LIMIT)

    assert (board.told, board.left) == ([], [])
