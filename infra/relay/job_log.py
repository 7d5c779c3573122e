"""One attempt's hand on a job's log: frames are appended at once, and written as the wire gets to them."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Protocol

from infra.settings import RelaySettings

log = logging.getLogger(__name__)


class StaleAttempt(Exception):
    """A newer attempt holds the job: this one must stop, and nothing that it writes is seen."""


class LogLost(Exception):
    """Frames that were written are gone from the log, so that nothing may follow them."""


class Writing(Protocol):
    """What writes logs, as one of them needs it."""

    @property
    def settings(self) -> RelaySettings:
        """The limits of a log."""

    def wants_flush(self, job: "JobLog") -> None:
        """A log has unwritten frames."""


class JobLog:
    """One attempt's hand on a job's log. Appending never waits; `room` and `flushed` do.

    What was written is kept, up to a limit: a log that Redis forgot is then written again from its start.
    """

    __slots__ = (
        *("_base", "_changed", "_done", "_failure", "_frames", "_held", "_limits", "_wire"),
        *("attempt", "job_id", "seq", "size"),
    )

    def __init__(
        self, wire: Writing, job_id: str, attempt: int, kept: Sequence[bytes], first_seq: int
    ) -> None:
        self.job_id = job_id
        self.attempt = attempt
        self.seq = first_seq
        """Number of the next frame."""
        self.size = 0
        """Bytes that are unwritten."""
        self._wire = wire
        self._limits = wire.settings
        self._frames = list(kept) if len(kept) == first_seq else []
        self._base = first_seq - len(self._frames)
        """Number of the first frame that is kept; above 0, a log that is gone stays gone."""
        self._done = first_seq
        """Number of the first frame that is unwritten."""
        self._held = sum(map(len, self._frames))
        """Bytes of all frames that are kept."""
        self._failure: Exception | None = None
        self._changed: asyncio.Event | None = None

    def append(self, frame: bytes) -> None:
        """Add a frame. Raises StaleAttempt, LogLost or RelayDown when an earlier write was refused."""
        if self._failure is not None:
            raise self._failure
        if not self.size:
            self._wire.wants_flush(self)
        self._frames.append(frame)
        self.size += len(frame)
        self._held += len(frame)
        self.seq += 1

    async def room(self) -> None:
        """Wait while too many bytes are unwritten. Raises as `append` does."""
        while self.size > self._limits.pending_bytes and self._failure is None:
            await self._change()
        if self._failure is not None:
            raise self._failure

    async def flushed(self) -> None:
        """Wait until every appended frame stands in the log. Raises as `append` does."""
        while self.size and self._failure is None:
            await self._change()
        if self._failure is not None:
            raise self._failure

    def pending(self) -> tuple[int, list[bytes]]:
        """Seq of the first unwritten frame, and the frames that are unwritten at this moment."""
        return self._done, self._frames[self._done - self._base :]

    def written(self, count: int, size: int) -> None:
        """The first `count` unwritten frames, of `size` bytes, stand in the log now."""
        self._done += count
        self.size -= size
        if self._held > self._limits.rewrite_bytes:
            self._forget()
        self._wake()
        if self.size:
            self._wire.wants_flush(self)

    def rewind(self) -> None:
        """The log is gone: write it again, or fail where its start is kept no more."""
        if self._base:
            self.fail(LogLost(f"the log of {self.job_id} is gone"))
            return
        log.warning("relay_log_rewritten", extra={"job_id": self.job_id, "frames": len(self._frames)})
        self._done, self.size = 0, self._held
        self._wire.wants_flush(self)

    def fail(self, failure: Exception) -> None:
        """No further frame of this attempt is taken."""
        self._failure = failure
        self._frames = []
        self._done = self._base = self.seq
        self.size = self._held = 0
        self._wake()

    def _forget(self) -> None:
        self._frames = self._frames[self._done - self._base :]
        self._base, self._held = self._done, self.size

    async def _change(self) -> None:
        if self._changed is None:
            self._changed = asyncio.Event()
        self._changed.clear()
        await self._changed.wait()

    def _wake(self) -> None:
        if self._changed is not None:
            self._changed.set()
