"""Workers of one kind that die at one boundary after the other, each replaced by the next.

dying = response_mortals(product, [Fate(Moment.STEPPED), Fate(Moment.SENT)])
async with mortals(dying):
    ...                     # whatever they do, they do it through their deaths
dying.died                  # how often at each moment
"""

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import cycle

from contracts.topics import RESPONSE, TOOL, Topic
from infra.embedded.child import Child, has_ended_within, stop_child
from infra.embedded.server import StartFailed
from infra.failpoints import Moment
from infra.settings import KafkaSettings
from tests.faults.leaving import all_leave
from tests.faults.test_moments import plan
from tests.product import Product

PATIENCE = 60.0
"""Seconds between two looks at one that does not die."""
ONE_BY_ONE = {"JAN_WORKER_MAX_JOBS": "1", "JAN_WORKER_LEASE": "1"}
"""Each does one thing at a time, so that its death cuts nothing else short; and is soon given up."""

Start = Callable[[Mapping[str, str]], Awaitable[Child]]


@dataclass(frozen=True)
class Fate:
    """When a worker dies: at the n-th time that such a moment comes."""

    moment: Moment
    hit: int = 1


@dataclass
class Mortals:
    """One seat, in which workers die in turn."""

    kafka: KafkaSettings
    topic: Topic
    start: Start
    running: list[Child]
    """Where the product keeps them; those that die here are not kept."""
    fates: Sequence[Fate]
    died: Counter[Moment] = field(default_factory=Counter)

    async def follow(self) -> None:
        """Until cancelled; then the last one is stopped."""
        for fate in cycle(self.fates):
            child = await self._born(fate)
            if child is not None:
                await self._until_dead(child)
            self.died[fate.moment] += 1
            await all_leave(self.kafka, self.topic)

    async def _born(self, fate: Fate) -> Child | None:
        """A worker; None where it died before it was ready."""
        try:
            child = await self.start({**plan(fate.moment, fate.hit), **ONE_BY_ONE})
        except StartFailed as failed:
            if f"ended with -{signal.SIGKILL.value}" not in str(failed):
                raise
            return None
        self.running.remove(child)
        return child

    async def _until_dead(self, child: Child) -> None:
        try:
            while not await has_ended_within(child, PATIENCE):
                pass
        finally:
            await stop_child(child)
        assert child.process.returncode == -signal.SIGKILL, child.tail()


def response_mortals(product: Product, fates: Sequence[Fate]) -> Mortals:
    """Workers that let responses go on."""
    return Mortals(product.servers.kafka, RESPONSE, product.add_responses, product.responses, fates)


def tool_mortals(product: Product, fates: Sequence[Fate]) -> Mortals:
    """Workers that call tools."""
    return Mortals(product.servers.kafka, TOOL, product.add_tools, product.tools, fates)


@asynccontextmanager
async def mortals(*seats: Mortals) -> AsyncIterator[None]:
    """They die and are replaced until the block ends. What goes wrong with them ends the block."""
    async with asyncio.TaskGroup() as tasks:
        following = [tasks.create_task(seat.follow()) for seat in seats]
        try:
            yield
        finally:
            for task in following:
                task.cancel()
