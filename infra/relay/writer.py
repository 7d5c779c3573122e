"""The worker's side of the relay: logs that are written together, one write in flight for each edge."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from infra.relay.job_log import JobLog, StaleAttempt
from infra.relay.keys import claim_key, log_key
from infra.relay.line import APPEND_SCRIPT, HOLD_SCRIPT, Script, ScriptLine
from infra.relay.redis import RelayDown
from infra.settings import RelaySettings

STALE, LOST, UNHELD = -1, -2, -3
"""Answers of the append script."""
RETRY_SECONDS = 0.2
GIVE_UP_SECONDS = 30.0
"""How long a write is tried again while Redis is away; beyond, the jobs of that write fail truthfully."""
GATHER_JOBS = 24
GATHER_SECONDS = 0.002
"""With this many jobs on one wire, a short wait saves more work than the time it adds."""

log = logging.getLogger(__name__)


class WriterStats(Protocol):
    """What the writer counts."""

    def frames_written(self, count: int) -> None: ...
    def frames_refused(self, count: int) -> None: ...


class Wire:
    """All logs whose frames go to one edge, and the one write that is in flight for them."""

    def __init__(self, channel: str, means: "Means") -> None:
        self._channel = channel
        self._means = means
        self.settings = means.settings
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
                self._means.stats.frames_refused(len(frames))
                job.fail(failure)
            return
        for (job, _, frames), answer in zip(batch, answers, strict=True):
            self._settle(job, frames, answer)

    def _take(self) -> list[JobLog]:
        taken, size = [], 0
        while self._waiting and size < self.settings.flush_bytes:
            _, job = self._waiting.popitem(last=False)
            taken.append(job)
            size += job.size
        return taken

    def _settle(self, job: JobLog, frames: list[bytes], answer: int) -> None:
        stats = self._means.stats
        if answer >= 0:
            stats.frames_written(len(frames))
            job.written(len(frames), sum(map(len, frames)))
        elif answer == STALE:
            stats.frames_refused(len(frames))
            job.fail(StaleAttempt(f"attempt {job.attempt} of {job.job_id} is over"))
        else:  # LOST: frames are missing, which were written before
            job.rewind()

    async def _write(self, batch: Sequence[tuple[JobLog, int, list[bytes]]]) -> list[int]:
        means = self._means
        keys: list[str] = []
        args: list[str | int | bytes] = [self._channel, means.settings.retention]
        for job, first, frames in batch:
            keys += (log_key(job.job_id), claim_key(job.job_id))
            args += (job.job_id, f"{job.attempt} {means.worker}", first, len(frames), *frames)
        answers: list[int] = await self._call(APPEND_SCRIPT, keys, args)
        if UNHELD not in answers:
            return answers
        # Redis forgot these claims: they are ours again, unless another worker was faster.
        unheld = {
            job.job_id: job.attempt
            for (job, *_), answer in zip(batch, answers, strict=True)
            if answer == UNHELD
        }
        about: list[str | int | bytes] = [means.worker, means.lease, means.settings.retention]
        await self._call(HOLD_SCRIPT, [claim_key(job_id) for job_id in unheld], [*about, *unheld.values()])
        again: list[int] = await self._call(APPEND_SCRIPT, keys, args)
        return again

    async def _call(
        self, script: Script, keys: Sequence[str], args: Sequence[str | int | bytes]
    ) -> Any:  # the script's
        until: float | None = None
        while True:
            try:
                return await self._means.line.call(script, keys, args)
            except RelayDown as error:
                now = asyncio.get_running_loop().time()
                # from the first failure on: who slept in a call may have a successor, and must hear of it
                until = now + GIVE_UP_SECONDS if until is None else until
                if now > until:
                    raise
                log.warning("relay_write_failed", extra={"channel": self._channel, "error": str(error)})
                await asyncio.sleep(RETRY_SECONDS)


@dataclass(frozen=True)
class Means:
    """What every wire of a worker writes with."""

    line: ScriptLine
    settings: RelaySettings
    stats: WriterStats
    worker: str
    """Who writes, by the name under which it claims."""
    lease: int
    """Milliseconds of a lease, for a claim that Redis forgot."""


class RelayWriter:
    """Opens logs for attempts, and keeps one wire for each edge that is waited at."""

    def __init__(
        self, line: ScriptLine, settings: RelaySettings, stats: WriterStats, worker: str, *, lease: float
    ) -> None:
        self._means = Means(line, settings, stats, worker, int(lease * 1000))
        self._wires: dict[str, Wire] = {}

    @asynccontextmanager
    async def open(
        self,
        job_id: str,
        attempt: int,
        reply_to: str | None,
        *,
        first_seq: int = 0,
        kept: Sequence[bytes] = (),
    ) -> AsyncIterator[JobLog]:
        """The log of one attempt, whose frames also go to the channel `reply_to`.

        An attempt that goes on behind others gives the frames that they left, so that all can be written
        again should Redis forget them.
        """
        channel = reply_to or ""
        wire = self._wires.get(channel)
        if wire is None:
            wire = self._wires[channel] = Wire(channel, self._means)
        wire.jobs += 1
        try:
            yield JobLog(wire, job_id, attempt, kept, first_seq)
        finally:
            wire.jobs -= 1
            if wire.jobs == 0:
                self._wires.pop(channel, None)
                await wire.close()
