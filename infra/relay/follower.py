"""One stream's place in a job's log: live frames from the wire while it keeps up, the log itself when not."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from contracts.frames import mark_of, start_of
from infra.relay.redis import RelayDown

FIRST_PAGE = 16
"""Frames of the first read; from then on as many as fill the limit, by the size of those before."""
REREAD_SECONDS = 0.2
GIVE_UP_READS = 50
"""Reads of a log that cannot be reached, or lacks announced frames, before the stream is given up."""
SHORT_SECONDS = 20.0
"""How long a log may be shorter than what was handed out. Redis forgot it then: its worker, if it lives,
writes it again with its next frame; beyond, nobody will."""


class StreamLost(Exception):
    """The log no longer holds what comes next: the stream cannot go on truthfully."""


class Log(Protocol):
    """The job logs, as a follower needs them."""

    async def read(self, job_id: str, first_seq: int, most: int) -> list[bytes]:
        """The frames from `first_seq` on, at most so many. Raises RelayDown."""


class Follower:
    """Hands out a job's frames in order, each once, whatever the wire loses and however slow the client.

    At most `limit` bytes are held. A follower that falls behind holds nothing and reads pages of the log.
    """

    __slots__ = (
        *("_bytes", "_closed", "_limit", "_log", "_mark", "_nudged", "_page", "_pending", "_seen"),
        *("_short_since", "_wake"),
        *("filled", "job_id", "last_given", "seq"),
    )

    def __init__(self, job_id: str, log: Log, *, first_seq: int, limit: int, now: float) -> None:
        self.job_id = job_id
        self.seq = first_seq
        """Number of the next frame that will be handed out."""
        self.last_given = now
        """Loop time at which something was handed out last."""
        self.filled = 0
        """Frames that came from the log and not over the wire."""
        self._log = log
        self._limit = limit
        self._pending: list[bytes] = []
        self._bytes = 0
        self._seen = first_seq
        self._page = FIRST_PAGE
        self._nudged = False
        self._closed = False
        self._mark: bytes | None = None
        self._short_since: float | None = None
        self._wake: asyncio.Future[None] | None = None

    @property
    def is_behind(self) -> bool:
        """Whether frames are announced that only the log holds for us."""
        return self._seen > self.seq + len(self._pending)

    @property
    def is_closed(self) -> bool:
        """Whether nobody waits any more."""
        return self._closed

    def deliver(self, first_seq: int, frames: Sequence[bytes]) -> None:
        """Frames from the wire. Repeated ones are dropped; a hole, or too many, is left to the log."""
        expected = self.seq + len(self._pending)
        end = first_seq + len(frames)
        if end <= expected:
            return
        if not self.is_behind and first_seq <= expected:
            self._take(frames[expected - first_seq :])
        self._seen = max(self._seen, end)
        self.wake()

    def announce(self, length: int, now: float = 0.0) -> None:
        """The log holds `length` frames, as a look into it showed at the loop time `now`."""
        if length > self._seen:
            self._seen = length
            self.wake()
        if length >= self.seq:
            self._short_since = None
        elif self._short_since is None:
            self._short_since = now
        elif now - self._short_since > SHORT_SECONDS:
            self._seen = self.seq + 1  # which never comes: reading it says so
            self.wake()

    def nudge(self) -> None:
        """Make `next` return at once, empty-handed if need be."""
        self._nudged = True
        self.wake()

    def close(self) -> None:
        """Nobody waits any more: `next` returns empty-handed from now on."""
        self._closed = True
        self.wake()

    async def next(self) -> list[bytes]:
        """The next frames in order: all that are there, at least one, or none after a nudge or a close.

        Raises StreamLost when the log cannot give what was announced.
        """
        while not (self._pending or self.is_behind or self._nudged or self._closed):
            self._wake = asyncio.get_running_loop().create_future()
            try:
                await self._wake
            finally:
                self._wake = None
        self._nudged = False
        frames = self._pending
        if frames:
            self._pending, self._bytes = [], 0
        elif self.is_behind and not self._closed:
            frames = await self._read()
            self.filled += len(frames)
        if frames:
            self._join(frames)
            self.seq += len(frames)
        return frames

    def wake(self) -> None:
        """Let a waiting `next` look again."""
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    def _join(self, frames: Sequence[bytes]) -> None:
        """Raise StreamLost when these do not go on where those before ended: another attempt began anew."""
        if mark_of(frames[0]) == self._mark == mark_of(frames[-1]):
            return
        for seq, frame in enumerate(frames, self.seq):
            mark = mark_of(frame)
            if mark != self._mark and self._mark is not None and start_of(frame) != seq:
                raise StreamLost(f"{self.job_id} at {seq}: attempt {mark.decode()} began anew")
            self._mark = mark

    def _take(self, frames: Sequence[bytes]) -> None:
        self._pending += frames
        self._bytes += sum(map(len, frames))
        if self._bytes > self._limit:
            self._pending, self._bytes = [], 0

    async def _read(self) -> list[bytes]:
        reason = "the log lacks frames that were sent"
        for _ in range(GIVE_UP_READS):
            try:
                frames = await self._log.read(self.job_id, self.seq, self._page)
            except RelayDown as error:
                reason = str(error)
            else:
                if frames:
                    self._page = max(1, self._limit * len(frames) // (sum(map(len, frames)) or 1))
                    return frames
            if self._closed:
                return []
            await asyncio.sleep(REREAD_SECONDS)
        raise StreamLost(f"{self.job_id} at {self.seq}: {reason}")
