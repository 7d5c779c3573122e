"""What the relay's tests count with, claim with, and write."""

import asyncio

from contracts.frames import FrameKind, frame
from infra.relay.claims import ClaimAsk, Claims
from infra.relay.follower import Follower
from infra.relay.line import ScriptLine
from infra.relay.writer import RelayWriter
from infra.settings import RelaySettings

LIMIT = 10
WORKER = "worker"


class Counts:
    """Counts what writer and reader tell."""

    def __init__(self) -> None:
        self.written = self.refused = self.read = self.filled = 0

    def frames_written(self, count: int) -> None:
        self.written += count

    def frames_refused(self, count: int) -> None:
        self.refused += count

    def frames_read(self, count: int) -> None:
        self.read += count

    def frames_filled(self, count: int) -> None:
        self.filled += count


def writer_of(
    line: ScriptLine, counts: Counts, worker: str = WORKER, settings: RelaySettings | None = None
) -> RelayWriter:
    """A writer of that worker."""
    return RelayWriter(line, settings or RelaySettings(), counts, worker, lease=60)


def claims_of(line: ScriptLine, worker: str = WORKER, lease: float = 60) -> Claims:
    """Claims of that worker."""
    return Claims(line, worker, retention=60, lease=lease)


def ask(job_id: str, *, epoch: str | None = None, redrive: int = 0, floor: int = 0) -> ClaimAsk:
    """Ask for a job of one tenant."""
    return ClaimAsk(job_id, "t1", epoch, redrive, floor)


def chunks(count: int, attempt: int = 1) -> list[bytes]:
    """Frames with their number in them."""
    return [frame(FrameKind.CHUNK, attempt, b'{"n":%d}' % number) for number in range(count)]


async def taken(follower: Follower, count: int) -> list[bytes]:
    """The next frames, at least so many."""
    got: list[bytes] = []
    async with asyncio.timeout(LIMIT):
        while len(got) < count:
            got += await follower.next()
    return got
