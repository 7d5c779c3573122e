"""The attempts that run in this process, each with its time limit, which a cancelled job reaches at once."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

from contracts.errors import ApiError, ErrorCode


class Running:
    """Jobs by id. Stopping one uses its time limit: asyncio's own timeout settles every race with its end."""

    def __init__(self) -> None:
        self._limits: dict[str, asyncio.Timeout] = {}
        self._stopped: set[str] = set()

    def job_ids(self) -> Collection[str]:
        """The jobs that run now."""
        return self._limits.keys()

    def stop(self, job_id: str) -> None:
        """Stop a job, if it runs here."""
        limit = self._limits.get(job_id)
        if limit is not None and not limit.expired():
            self._stopped.add(job_id)
            limit.reschedule(asyncio.get_running_loop().time())

    @asynccontextmanager
    async def within(self, job_id: str, seconds: float) -> AsyncIterator[None]:
        """Run the block for so long at most. Raises ApiError: deadline_exceeded or cancelled."""
        try:
            async with asyncio.timeout(seconds) as limit:
                self._limits[job_id] = limit
                try:
                    yield
                finally:
                    del self._limits[job_id]
        except TimeoutError as error:
            raise (cancelled() if job_id in self._stopped else too_late()) from error
        finally:
            self._stopped.discard(job_id)


def cancelled() -> ApiError:
    """The job was told to stop."""
    return ApiError(ErrorCode.CANCELLED, "The job was cancelled")


def too_late() -> ApiError:
    """The deadline passed."""
    return ApiError(ErrorCode.DEADLINE_EXCEEDED, "The job did not end before its deadline")
