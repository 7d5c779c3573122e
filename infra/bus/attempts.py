"""One record's attempts: run it, again after a failure, and bury it when it will never succeed."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from infra.bus.errors import BusError, Exhausted, Poison
from infra.bus.progress import Counts
from infra.bus.record import Record

MAX_RETRY_DELAY = 10.0
"""A sleeping retry holds a place, so short delays only; long ones go through a retry topic."""
BURIAL_PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds between tries to write a dead letter. When all fail, the consumer breaks."""
BURIAL_LIMIT = 30.0
FINAL = (Poison, Exhausted)
"""What a handler raises to say that another attempt is of no use."""

log = logging.getLogger(__name__)

Run = Callable[[], Awaitable[object]]
View = Callable[[], Record]
"""Builds the record, which only a failure needs."""
OnDead = Callable[[Record, BaseException, int], Awaitable[None]]
"""Writes the dead letter of a record: the record, why, and after how many attempts."""


class HandlerCancelled(Exception):
    """A handler ended itself by cancellation, which counts as a failed attempt."""


@dataclass(frozen=True, slots=True)
class AttemptLimits:
    """How often a record is tried."""

    max_attempts: int = 3
    retry_delay: float = 0.5
    """Seconds before the second attempt, doubled before each further one."""


class Attempts:
    """Runs one record to its end: handled, or dead."""

    def __init__(self, limits: AttemptLimits, on_dead: OnDead, counts: Counts) -> None:
        self._limits = limits
        self._on_dead = on_dead
        self._counts = counts

    async def settle(self, view: View, run: Run) -> None:
        """Return when the record is finished for good. Raises BusError when no dead letter can be written."""
        for attempt in range(1, self._limits.max_attempts + 1):
            self._counts.begun += 1
            failure = await _failure_of(run)
            if failure is None:
                return
            if isinstance(failure, FINAL) or attempt == self._limits.max_attempts:
                made = failure.attempts if isinstance(failure, Exhausted) else attempt
                await self._bury(view(), failure, made)
                return
            self._counts.retries += 1
            _tell("bus_record_failed", view(), failure, attempt)
            await asyncio.sleep(min(self._limits.retry_delay * 2 ** (attempt - 1), MAX_RETRY_DELAY))

    async def _bury(self, record: Record, failure: BaseException, attempts: int) -> None:
        _tell("bus_record_dead", record, failure, attempts)
        for pause in BURIAL_PAUSES:
            try:
                await self._bury_once(record, failure, attempts)
            except (BusError, TimeoutError) as error:
                _tell("bus_burial_failed", record, error, attempts)
                await asyncio.sleep(pause)
            else:
                self._counts.dead += 1
                return
        raise BusError(
            f"no dead letter could be written for {record.topic}-{record.partition}@{record.offset}"
        )

    async def _bury_once(self, record: Record, failure: BaseException, attempts: int) -> None:
        async with asyncio.timeout(BURIAL_LIMIT):
            await self._on_dead(record, failure, attempts)


async def _failure_of(run: Run) -> BaseException | None:
    """How an attempt failed; None when it succeeded."""
    try:
        await run()
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        return HandlerCancelled(str(error))
    except Exception as error:  # noqa: BLE001  whatever a handler raises ends in the dead letters
        return error
    return None


def _tell(event: str, record: Record, error: BaseException, attempt: int) -> None:
    where = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
    log.warning(event, extra={**where, "attempt": attempt, "error": type(error).__name__}, exc_info=error)
