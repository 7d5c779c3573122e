"""A job's log that fails where its process is told to: only test processes ever hold one."""

from contracts.frames import FrameKind, is_terminal
from infra.failpoints import Failpoints, Moment
from workers.runtime.attempt import JobLog


class BrittleLog:
    """A log with failpoints before, between and behind its frames."""

    def __init__(self, job_log: JobLog, failpoints: Failpoints) -> None:
        self._log = job_log
        self._failpoints = failpoints
        self._is_empty = True

    @property
    def attempt(self) -> int:
        """The attempt that writes."""
        return self._log.attempt

    @property
    def seq(self) -> int:
        """Number of the next frame."""
        return self._log.seq

    def append(self, frame: bytes) -> None:
        """Add a frame, unless the process fails at it."""
        if frame[0] == FrameKind.ERROR:
            self._log.append(frame)
            return
        if self._is_empty:
            self._is_empty = False
            self._failpoints.hit(Moment.ASKED)
        if is_terminal(frame):
            self._failpoints.hit(Moment.ANSWERED)
        self._log.append(frame)
        if not is_terminal(frame):
            self._failpoints.hit(Moment.SPOKEN)

    async def room(self) -> None:
        """Wait while too much is unwritten."""
        await self._log.room()

    async def flushed(self) -> None:
        """Wait until everything is written."""
        await self._log.flushed()


def brittle(job_log: JobLog, failpoints: Failpoints) -> JobLog:
    """The log itself, where no failure is planned: the hot path pays nothing."""
    return BrittleLog(job_log, failpoints) if failpoints.are_armed else job_log
