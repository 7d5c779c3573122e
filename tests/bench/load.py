"""The load generator, a process of its own: `python -m tests.bench.load`.

The driver writes a Plan to its standard input. It connects, warms each connection with one answer, and
says `ready`; the driver notes the CPU times of everybody and says `go`; it makes the load and answers with
the Outcome. A held plan says `held` when all streams have their first token, and closes them at the driver's
next line. The process stops when its standard input ends.
"""

import asyncio
import gc
import itertools
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict

import uvloop

from tests.bench.connection import Connection, connect, request_of
from tests.bench.figures import percentile
from tests.bench.plan import Outcome, Plan
from tests.bench.reading import Reading, StreamReading, WholeReading
from tests.bench.scenarios import WARM_CONNECTION

MAX_EXAMPLES = 3
MAX_VALUES = 10_000
"""Latencies handed to the driver; of more, each n-th."""
MAX_LINE = 64 * 1024
NANOSECONDS_PER_MS = 1_000_000
FIRST_TOKEN_POLL = 0.02
RETRY_PAUSE = 0.05


class Load:
    """One plan under way."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._request = request_of(plan)
        self._connections: list[Connection] = []
        self._numbers = itertools.count()
        self._readings: list[Reading] = []
        self._transit_ns: list[int] = []
        self._errors: Counter[str] = Counter()
        self._examples: list[str] = []
        self._reconnects = 0
        self._deadline = 0.0
        self._measured_from_ns = 0

    async def warm(self) -> None:
        """Open all connections, and have one short answer on each."""
        plan = self._plan.model_copy(update=asdict(WARM_CONNECTION))
        request = request_of(plan)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._warm_one(plan, request)) for _ in range(plan.concurrency)]
        self._connections = [task.result() for task in tasks]

    async def run(self) -> Outcome:
        """Make the load."""
        cpu, began = time.process_time(), time.monotonic()
        ramp = self._ramp()
        self._deadline = began + self._plan.seconds
        self._measured_from_ns = time.monotonic_ns() + int(ramp * 1e9)
        slots = [asyncio.create_task(self._slot(index)) for index in range(self._plan.concurrency)]
        _, unfinished = await asyncio.wait(slots, timeout=self._plan.seconds + self._plan.limit)
        spent, ended = time.process_time() - cpu, time.monotonic()
        for slot in unfinished:
            slot.cancel()
        await asyncio.gather(*slots, return_exceptions=True)
        if unfinished:
            self._errors["unfinished"] += len(unfinished)
        return self._outcome(ended - began, spent)

    async def hold(self) -> None:
        """Open one stream on each connection and wait for their first tokens."""
        readings = [StreamReading(self._plan.tokens, self._transit_ns) for _ in self._connections]
        ends = [
            connection.ask(self._request, reading)
            for connection, reading in zip(self._connections, readings, strict=True)
        ]
        pairs = list(zip(readings, ends, strict=True))
        async with asyncio.timeout(self._plan.limit):
            while not all(reading.tokens or end.done() for reading, end in pairs):
                await asyncio.sleep(FIRST_TOKEN_POLL)
        for reading, end in pairs:
            if end.done():
                self._note(reading, end.result())

    def close(self) -> None:
        """Leave all connections."""
        for connection in self._connections:
            connection.close()

    def held(self) -> Outcome:
        """The outcome of a plan that only held streams open."""
        return self._outcome(0.0, time.process_time())

    async def _warm_one(self, plan: Plan, request: bytes) -> Connection:
        connection = await connect(plan)
        async with asyncio.timeout(plan.limit):
            problem = await connection.ask(request, self._reading(plan.tokens))
        if problem:
            self._errors[f"warm_{problem}"] += 1
        return connection

    def _ramp(self) -> float:
        """Seconds over which paced streams begin, so that they don't beat in one rhythm."""
        return self._plan.behaviour.seconds * (1 - 1 / self._plan.concurrency)

    async def _slot(self, index: int) -> None:
        await asyncio.sleep(self._plan.behaviour.seconds * index / self._plan.concurrency)
        while time.monotonic() < self._deadline and next(self._numbers) < self._plan.max_requests:
            connection = await self._connection(index)
            if connection is None:
                continue
            reading = self._reading(self._plan.tokens)
            self._note(reading, await connection.ask(self._request, reading))

    async def _connection(self, index: int) -> Connection | None:
        connection = self._connections[index]
        if connection.is_open:
            return connection
        self._reconnects += 1
        try:
            self._connections[index] = await connect(self._plan)
        except OSError as error:
            self._errors[type(error).__name__] += 1
            await asyncio.sleep(RETRY_PAUSE)
            return None
        return self._connections[index]

    def _reading(self, tokens: int) -> Reading:
        return StreamReading(tokens, self._transit_ns) if self._plan.is_stream else WholeReading(tokens)

    def _note(self, reading: Reading, problem: str | None) -> None:
        reading.ended_ns = time.monotonic_ns()
        self._readings.append(reading)
        if problem is None:
            return
        self._errors[problem] += 1
        if len(self._examples) < MAX_EXAMPLES:
            self._examples.append(f"{problem}: {reading.example}")

    def _outcome(self, seconds: float, cpu_seconds: float) -> Outcome:
        streams = [reading for reading in self._readings if isinstance(reading, StreamReading)]
        measured = [reading for reading in self._readings if reading.started_ns >= self._measured_from_ns]
        return Outcome(
            requests=len(self._readings),
            tokens=sum(stream.tokens for stream in streams),
            seconds=seconds,
            cpu_seconds=cpu_seconds,
            reconnects=self._reconnects,
            errors=dict(self._errors),
            examples=self._examples,
            ttft_ms=_thinned(
                [
                    _ms(reading.first_ns - reading.started_ns)
                    for reading in measured
                    if isinstance(reading, StreamReading) and reading.first_ns
                ]
            ),
            total_ms=_thinned([_ms(reading.ended_ns - reading.started_ns) for reading in measured]),
            transit_p50_ms=_transit(self._transit_ns, 0.5),
            transit_p99_ms=_transit(self._transit_ns, 0.99),
        )


def _ms(nanoseconds: int) -> float:
    return round(nanoseconds / NANOSECONDS_PER_MS, 3)


def _transit(values: Sequence[int], share: float) -> float | None:
    return _ms(int(percentile(values, share))) if values else None


def _thinned(values: list[float]) -> list[float]:
    return values[:: 1 + len(values) // MAX_VALUES]


async def run() -> None:
    """Follow the driver."""
    driver = asyncio.StreamReader(limit=MAX_LINE)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(driver), sys.stdin)
    plan = Plan.model_validate_json(await driver.readline())
    load = Load(plan)
    await load.warm()
    await _say_and_wait("ready", driver)
    if plan.is_held:
        await load.hold()
        await _say_and_wait("held", driver)
        outcome = load.held()
    else:
        outcome = await load.run()
    load.close()
    print(outcome.model_dump_json(), flush=True)


async def _say_and_wait(word: str, driver: asyncio.StreamReader) -> None:
    print(word, flush=True)
    if not await driver.readline():
        raise SystemExit(1)


def main() -> None:
    """Make one load. The process is short and makes no cycles, so it collects no garbage."""
    gc.disable()
    uvloop.run(run())


if __name__ == "__main__":
    main()
