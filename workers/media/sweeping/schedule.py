"""When it is swept."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Protocol

from contracts.errors import ApiError
from workers.media.sweeping.sweeper import Swept

EVERYWHERE = 60
"""Rounds of which one lists the whole store; the first one does, too."""

log = logging.getLogger(__name__)


class Sweeping(Protocol):
    """Does one round."""

    async def sweep(self, *, looks_everywhere: bool) -> Swept:
        """What it removed. Raises ApiError."""


class Counts(Protocol):
    """Where it is counted."""

    def swept(self, what: str, count: int) -> None: ...


@asynccontextmanager
async def swept(sweeper: Sweeping, every: float, counts: Counts) -> AsyncIterator[None]:
    """Sweep every so many seconds, until the block ends."""
    task = asyncio.create_task(_sweep(sweeper, every, counts))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _sweep(sweeper: Sweeping, every: float, counts: Counts) -> None:
    number = 0
    while True:
        try:
            removed = asdict(await sweeper.sweep(looks_everywhere=number % EVERYWHERE == 0))
        except ApiError as error:
            log.warning("sweep_failed", extra={"error": str(error)})
        except Exception:  # one bad round must not end all others
            log.exception("sweep_failed")
        else:
            number += 1
            if any(removed.values()):
                log.info("swept", extra=removed)
            for what, count in removed.items():
                counts.swept(what, count)
        await asyncio.sleep(every)
