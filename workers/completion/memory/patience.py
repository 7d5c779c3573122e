"""A database that is away for a moment costs time, not a job."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from infra.database import DatabaseUnavailable

T = TypeVar("T")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Patience:
    """How long somebody waits for the database."""

    seconds: float = 30.0
    """A restart of PostgreSQL, or a change of its leader."""
    pause: float = 0.5
    """Between two tries."""

    async def until_done(self, work: Callable[[], Awaitable[T]], deadline: datetime) -> T:
        """What a transaction came to, tried again while the database is away, until a deadline at most.

        Raises DatabaseUnavailable.
        """
        loop = asyncio.get_running_loop()
        left = min(self.seconds, (deadline - datetime.now(UTC)).total_seconds())
        until = loop.time() + left
        while True:
            try:
                return await work()
            except DatabaseUnavailable:
                if loop.time() + self.pause >= until:
                    raise
                log.warning("memory_waits", extra={"seconds_left": round(until - loop.time(), 1)})
            await asyncio.sleep(self.pause)
