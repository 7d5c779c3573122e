"""What an idle stream holds: the memory of the whole product with many open and silent, against none."""

import asyncio
import time

from tests.bench.child import open_load
from tests.bench.plan import Line
from tests.bench.processes import KIB, pss_bytes
from tests.bench.scenarios import Scenario
from tests.bench.target import Target

SETTLE_SECONDS = 2.0
END_LIMIT = 30.0
"""Seconds for the end of the streams to reach the upstream after their clients have left."""
END_POLL = 0.1


class Memory(Line):
    """Proportional memory (PSS) in bytes, by part."""

    streams: int
    before: dict[str, int]
    held: dict[str, int]
    after: dict[str, int]
    """When the streams are gone."""
    end_seconds: float | None
    """How long the clients' leaving took to the upstream; None when it did not arrive."""

    def kib_per_stream(self, part: str | None = None) -> float:
        """What one stream adds, to a part or to all."""
        grown = _sum(self.held, part) - _sum(self.before, part)
        return grown / KIB / self.streams


async def measure_memory(scenario: Scenario, target: Target, upstream: Target) -> Memory:
    """Hold a scenario's streams and let them go."""
    async with open_load(target.plan(scenario, seconds=0.0)) as load:
        before = await _settled(target)
        await load.hold()
        held = await _settled(target)
        await load.release()
    ended = await _wait_for_end(upstream)
    after = await _settled(target)
    return Memory(streams=scenario.concurrency, before=before, held=held, after=after, end_seconds=ended)


async def _settled(target: Target) -> dict[str, int]:
    await asyncio.sleep(SETTLE_SECONDS)
    return pss_bytes(target.pids)


async def _wait_for_end(upstream: Target) -> float | None:
    began = time.monotonic()
    while time.monotonic() - began < END_LIMIT:
        if not upstream.ask("GET", "/stats")["open_streams"]:
            return round(time.monotonic() - began, 2)
        await asyncio.sleep(END_POLL)
    return None


def _sum(parts: dict[str, int], part: str | None) -> int:
    return sum(parts.values()) if part is None else parts.get(part, 0)
