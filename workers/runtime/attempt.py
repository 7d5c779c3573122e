"""One try at a job by this process: what was asked, and the hand on its log."""

from collections.abc import Callable, Sequence
from typing import Generic, Protocol

from contracts.envelope import Envelope, JobT
from contracts.errors import ErrorDetail
from contracts.events import Ending, Usage
from contracts.frames import FrameKind, frame
from infra.telemetry.spans import Span


class JobLog(Protocol):
    """One attempt's hand on a job's log."""

    @property
    def attempt(self) -> int:
        """The attempt that writes."""

    @property
    def seq(self) -> int:
        """Number of the next frame."""

    def append(self, frame: bytes) -> None:
        """Add a frame. Raises StaleAttempt, LogLost or RelayDown when an earlier one was refused."""

    async def room(self) -> None:
        """Wait while too much is unwritten. Raises as `append` does."""

    async def flushed(self) -> None:
        """Wait until everything is written. Raises as `append` does."""


class TryLater(Exception):
    """Raised by a work that showed nothing yet: another attempt, later, may succeed."""

    def __init__(self, detail: ErrorDetail, after: float | None = None) -> None:
        super().__init__(detail.message)
        self.detail = detail
        """What the caller is told when there is no other attempt."""
        self.after = after
        """Seconds to wait at least, as whoever failed said."""


class Attempt(Generic[JobT]):
    """An envelope, an attempt number, and where its frames go."""

    def __init__(
        self,
        envelope: Envelope[JobT],
        log: JobLog,
        span: Span,
        deadline: float,
        on_first: Callable[[], None],
        delivered: Sequence[bytes] = (),
    ) -> None:
        self.envelope = envelope
        self.number = log.attempt
        self.delivered = delivered
        """Frames that lost attempts left in the log: what was shown must go on from there."""
        self.span = span
        self.deadline = deadline
        """Loop time at which the attempt is stopped."""
        self.usage: Usage | None = None
        """What was used so far, for the event of an attempt that does not end well."""
        self._log = log
        self._on_first: Callable[[], None] | None = on_first

    @property
    def seq(self) -> int:
        """Number of the next frame."""
        return self._log.seq

    def send(self, kind: FrameKind, payload: bytes = b"") -> None:
        """Append a frame. Raises StaleAttempt, LogLost or RelayDown when an earlier one was refused."""
        self._log.append(frame(kind, self.number, payload, len(self.delivered)))
        if self._on_first is not None and kind is FrameKind.CHUNK:
            self._on_first()
            self._on_first = None

    async def room(self) -> None:
        """Wait while too much is unwritten. Raises as `send` does."""
        await self._log.room()

    async def flushed(self) -> None:
        """Wait until everything stands in the log. Raises as `send` does."""
        await self._log.flushed()


class Work(Protocol[JobT]):
    """What a worker room does with its kind of job."""

    async def run(self, attempt: Attempt[JobT]) -> Ending:
        """Do the job and send its frames, the terminal one included.

        An attempt with `delivered` frames goes on behind them. Raises ApiError to end the job as failed, and
        TryLater where another attempt may succeed and nothing was shown yet.
        """

    async def ending_of(self, envelope: Envelope[JobT], last: bytes) -> Ending:
        """What the last frame of a job that ended well tells of its end."""

    async def forget(self, envelope: Envelope[JobT]) -> None:
        """The job is over: delete what was kept for it alone."""
