"""A process of a run that may be killed or stopped, and is started again in the same place."""

import asyncio
from dataclasses import dataclass, field

import psutil

from infra.embedded.server import StartFailed
from tests.faults.mortal import Mortal

STARTS = 6
"""A server may refuse to start while its dead predecessor's children are not gone yet."""
START_PAUSE = 0.5


@dataclass
class Seat:
    """One process and its successors: the same command, port and data."""

    name: str
    mortal: Mortal
    deaths: int = 0
    falls: int = 0
    """Times that it ended by itself."""
    _busy: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def kill(self, pause: float) -> None:
        """SIGKILL; started again after a pause, and ready when this returns. Raises StartFailed."""
        async with self._busy:
            self.deaths += 1
            await self.mortal.kill()
            await asyncio.sleep(pause)
            await self._start()

    async def freeze(self, seconds: float) -> None:
        """SIGSTOP for so long."""
        async with self._busy:
            with self.mortal.frozen():
                await asyncio.sleep(seconds)

    async def raise_fallen(self) -> bool:
        """Start it again if it has ended by itself, as a supervisor would; whether it had."""
        async with self._busy:
            if not await self.mortal.ended_by_itself(0.0):
                return False
            self.falls += 1
            await self._start()
            return True

    def megabytes(self) -> float:
        """What it holds in memory."""
        return float(psutil.Process(self.mortal.pid).memory_info().rss) / 1e6

    async def _start(self) -> None:
        for _ in range(1, STARTS):
            try:
                await self.mortal.start()
            except StartFailed:
                await self.mortal.stop()
                await asyncio.sleep(START_PAUSE)
            else:
                return
        await self.mortal.start()
