"""A log that fails at the frames that its plan names, and is not there without a plan."""

from contracts.frames import FrameKind, frame
from infra.failpoints import Failpoints, Moment, Plan
from workers.runtime.brittle import brittle


class MemoryLog:
    """One attempt's frames."""

    attempt = 1

    def __init__(self) -> None:
        self.frames: list[bytes] = []

    @property
    def seq(self) -> int:
        return len(self.frames)

    def append(self, frame: bytes) -> None:
        self.frames.append(frame)

    async def room(self) -> None: ...

    async def flushed(self) -> None: ...


def told(log: MemoryLog) -> tuple[Failpoints, list[tuple[Moment, int]]]:
    """Failpoints that note, at every first hit, how many frames the log had then."""
    noted: list[tuple[Moment, int]] = []
    plans = {moment: Plan("kill") for moment in Moment}
    return Failpoints(plans, lambda _, moment: noted.append((moment, log.seq))), noted


def test_without_a_plan_the_log_is_the_log() -> None:
    log = MemoryLog()

    assert brittle(log, Failpoints()) is log


def test_a_stream_has_its_moments_around_its_frames() -> None:
    log = MemoryLog()
    failpoints, noted = told(log)
    job_log = brittle(log, failpoints)

    for kind in (FrameKind.CHUNK, FrameKind.CHUNK, FrameKind.END):
        job_log.append(frame(kind, 1, b"{}"))

    assert noted == [(Moment.ASKED, 0), (Moment.SPOKEN, 1), (Moment.ANSWERED, 2)]
    assert job_log.seq == 3


def test_a_whole_answer_is_asked_and_answered_before_it_stands_in_the_log() -> None:
    log = MemoryLog()
    failpoints, noted = told(log)

    brittle(log, failpoints).append(frame(FrameKind.RESULT, 1, b"{}"))

    assert noted == [(Moment.ASKED, 0), (Moment.ANSWERED, 0)]


def test_an_error_is_no_answer() -> None:
    log = MemoryLog()
    failpoints, noted = told(log)

    brittle(log, failpoints).append(frame(FrameKind.ERROR, 1, b"{}"))

    assert noted == []
    assert log.seq == 1
