"""What an idle stream holds: the memory of the whole product with many open and silent, against none."""

import asyncio
import time

from pydantic import Field

from tests.bench.child import open_load
from tests.bench.plan import Line
from tests.bench.processes import KIB, pss_bytes
from tests.bench.scenarios import Scenario
from tests.bench.target import Target

SETTLE_SECONDS = 2.0
END_LIMIT = 75.0
"""Seconds; by then the streams have ended by themselves, and no worker holds one any more."""
END_POLL = 0.1


class Memory(Line):
    """Proportional memory (PSS) in bytes, by part."""

    streams: int
    before: dict[str, int]
    held: dict[str, int]
    after: dict[str, int]
    """When the streams are gone."""
    end_seconds: float
    """How long streams went on at the upstream after their clients had left."""
    errors: dict[str, int] = Field(default_factory=dict)

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
        outcome = await load.release()
    ended = await _wait_for_end(upstream)
    after = await _settled(target)
    return Memory(
        streams=scenario.concurrency,
        before=before,
        held=held,
        after=after,
        errors=outcome.errors,
        end_seconds=ended,
    )


async def _settled(target: Target) -> dict[str, int]:
    await asyncio.sleep(SETTLE_SECONDS)
    return pss_bytes(target.pids)


async def _wait_for_end(upstream: Target) -> float:
    began = time.monotonic()
    while time.monotonic() - began < END_LIMIT:
        if not upstream.ask("GET", "/stats")["open_streams"]:
            break
        await asyncio.sleep(END_POLL)
    return round(time.monotonic() - began, 2)


def _sum(parts: dict[str, int], part: str | None) -> int:
    return sum(parts.values()) if part is None else parts.get(part, 0)
