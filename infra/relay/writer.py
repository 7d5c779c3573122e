"""The worker's side of the relay: logs that are written together, one write in flight for each edge."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Protocol

from infra.relay.keys import claim_key, log_key
from infra.relay.line import APPEND_SCRIPT, ScriptLine
from infra.relay.redis import RelayDown
from infra.settings import RelaySettings

STALE, LOST = -1, -2
RETRY_SECONDS = 0.2
GIVE_UP_SECONDS = 30.0
"""How long a write is tried again while Redis is away; beyond, the jobs of that write fail truthfully."""
GATHER_JOBS = 24
GATHER_SECONDS = 0.002
"""With this many jobs on one wire, a short wait saves more work than the time it adds."""

log = logging.getLogger(__name__)


class StaleAttempt(Exception):
    """A newer attempt holds the job: this one must stop, and nothing that it writes is seen."""


class LogLost(Exception):
    """Frames that were written are gone from the log, so that nothing may follow them."""


class WriterStats(Protocol):
    """What the writer counts."""

    def frames_written(self, count: int) -> None: ...
    def frames_refused(self, count: int) -> None: ...


class JobLog:
    """One attempt's hand on a job's log. Appending never waits; `room` and `flushed` do."""

    __slots__ = ("_changed", "_failure", "_limit", "_pending", "_wire", "attempt", "job_id", "seq", "size")

    def __init__(self, wire: "Wire", job_id: str, attempt: int, first_seq: int, limit: int) -> None:
        self.job_id = job_id
        self.attempt = attempt
        self.seq = first_seq
        """Number of the next frame."""
        self._wire = wire
        self._limit = limit
        self._pending: list[bytes] = []
        self.size = 0
        """Bytes that are unwritten."""
        self._failure: Exception | None = None
        self._changed: asyncio.Event | None = None

    def append(self, frame: bytes) -> None:
        """Add a frame. Raises StaleAttempt, LogLost or RelayDown when an earlier write was refused."""
        if self._failure is not None:
            raise self._failure
        if not self._pending:
            self._wire.wants_flush(self)
        self._pending.append(frame)
        self.size += len(frame)
        self.seq += 1

    async def room(self) -> None:
        """Wait while too many bytes are unwritten. Raises as `append` does."""
        while self.size > self._limit and self._failure is None:
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
        return self.seq - len(self._pending), self._pending[:]

    def written(self, count: int) -> None:
        """The first `count` unwritten frames stand in the log now."""
        done, self._pending = self._pending[:count], self._pending[count:]
        self.size -= sum(map(len, done))
        self._wake()
        if self._pending:
            self._wire.wants_flush(self)

    def fail(self, failure: Exception) -> None:
        """No further frame of this attempt is taken."""
        self._failure = failure
        self._pending = []
        self.size = 0
        self._wake()

    async def _change(self) -> None:
        if self._changed is None:
            self._changed = asyncio.Event()
        self._changed.clear()
        await self._changed.wait()

    def _wake(self) -> None:
        if self._changed is not None:
            self._changed.set()


class Wire:
    """All logs whose frames go to one edge, and the one write that is in flight for them."""

    def __init__(self, channel: str, line: ScriptLine, settings: RelaySettings, stats: WriterStats) -> None:
        self._channel = channel
        self._line = line
        self._settings = settings
        self._stats = stats
        self._waiting: OrderedDict[str, JobLog] = OrderedDict()
        self._task: asyncio.Task[None] | None = None
        self.jobs = 0
        """Attempts that write here now."""

    def wants_flush(self, job: JobLog) -> None:
        """A log has unwritten frames."""
        self._waiting[job.job_id] = job
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(
                self._flush_all(), name=f"relay {self._channel}"
            )

    async def close(self) -> None:
        """Wait for what is being written."""
        if self._task is not None:
            await self._task

    async def _flush_all(self) -> None:
        try:
            while self._waiting:
                if self.jobs >= GATHER_JOBS:
                    await asyncio.sleep(GATHER_SECONDS)
                await self._flush()
        finally:
            self._task = None

    async def _flush(self) -> None:
        batch = [(job, *job.pending()) for job in self._take()]
        try:
            answers = await self._write(batch)
        except RelayDown as failure:
            for job, _, frames in batch:
                self._stats.frames_refused(len(frames))
                job.fail(failure)
            return
        for (job, _, frames), answer in zip(batch, answers, strict=True):
            self._settle(job, len(frames), answer)

    def _take(self) -> list[JobLog]:
        taken, size = [], 0
        while self._waiting and size < self._settings.flush_bytes:
            _, job = self._waiting.popitem(last=False)
            taken.append(job)
            size += job.size
        return taken

    def _settle(self, job: JobLog, count: int, answer: int) -> None:
        if answer == STALE:
            self._stats.frames_refused(count)
            job.fail(StaleAttempt(f"attempt {job.attempt} of {job.job_id} is over"))
        elif answer == LOST:
            self._stats.frames_refused(count)
            job.fail(LogLost(f"the log of {job.job_id} is gone"))
        else:
            self._stats.frames_written(count)
            job.written(count)

    async def _write(self, batch: Iterable[tuple[JobLog, int, list[bytes]]]) -> list[int]:
        keys: list[str] = []
        args: list[str | int | bytes] = [self._channel, self._settings.retention]
        for job, first, frames in batch:
            keys += (log_key(job.job_id), claim_key(job.job_id))
            args += (job.job_id, job.attempt, first, len(frames), *frames)
        until = asyncio.get_running_loop().time() + GIVE_UP_SECONDS
        while True:
            try:
                answers: list[int] = await self._line.call(APPEND_SCRIPT, keys, args)
            except RelayDown as error:
                if asyncio.get_running_loop().time() > until:
                    raise
                log.warning("relay_write_failed", extra={"channel": self._channel, "error": str(error)})
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return answers


class RelayWriter:
    """Opens logs for attempts, and keeps one wire for each edge that is waited at."""

    def __init__(self, line: ScriptLine, settings: RelaySettings, stats: WriterStats) -> None:
        self._line = line
        self._settings = settings
        self._stats = stats
        self._wires: dict[str, Wire] = {}

    @asynccontextmanager
    async def open(
        self, job_id: str, attempt: int, reply_to: str | None, *, first_seq: int = 0
    ) -> AsyncIterator[JobLog]:
        """The log of one attempt, whose frames also go to the channel `reply_to`."""
        channel = reply_to or ""
        wire = self._wires.get(channel)
        if wire is None:
            wire = self._wires[channel] = Wire(channel, self._line, self._settings, self._stats)
        wire.jobs += 1
        try:
            yield JobLog(wire, job_id, attempt, first_seq, self._settings.pending_bytes)
        finally:
            wire.jobs -= 1
            if wire.jobs == 0:
                self._wires.pop(channel, None)
                await wire.close()
