"""A worker's hold on a job: the attempt number that every write of it carries."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from contracts.frames import is_terminal
from infra.relay.keys import claim_key, log_key
from infra.relay.line import CLAIM_SCRIPT, ScriptLine
from infra.relay.redis import RelayDown

MOST_AT_ONCE = 256
"""Claims of one call."""


@dataclass(frozen=True)
class Claim:
    """One attempt, and what earlier ones left in the log."""

    attempt: int
    frames: int
    """Frames that stand in the log already."""
    is_over: bool
    """Whether the log ends with a terminal frame: nothing is left to do."""
    is_cancelled: bool = False
    """Whether the job was told to stop before it was claimed."""


class Claims:
    """Hands out attempts; taking one makes every earlier attempt stale.

    Claims gather while one call is in flight, so that load makes calls larger and not more.
    """

    def __init__(self, line: ScriptLine, worker: str, retention: int) -> None:
        self._line = line
        self._worker = worker
        self._retention = retention
        self._waiting: dict[str, list[asyncio.Future[Claim]]] = {}
        self._task: asyncio.Task[None] | None = None

    async def take(self, job_id: str) -> Claim:
        """Begin an attempt at a job. Raises RelayDown."""
        loop = asyncio.get_running_loop()
        claimed: asyncio.Future[Claim] = loop.create_future()
        self._waiting.setdefault(job_id, []).append(claimed)
        if self._task is None:
            self._task = loop.create_task(self._take_all(), name="claims")
        return await claimed

    async def _take_all(self) -> None:
        try:
            while self._waiting:
                await self._take_waiting()
        finally:
            self._task = None

    async def _take_waiting(self) -> None:
        """One attempt for each job that is waited for; of two waiters for one job, the second comes next."""
        taken = {job_id: waiters.pop(0) for job_id, waiters in list(self._waiting.items())[:MOST_AT_ONCE]}
        self._waiting = {job_id: waiters for job_id, waiters in self._waiting.items() if waiters}
        try:
            answers = await self._line.call(
                CLAIM_SCRIPT,
                [key for job_id in taken for key in (claim_key(job_id), log_key(job_id))],
                [self._worker, self._retention],
            )
        except RelayDown as failure:
            _fail(taken.values(), failure)
            return
        for waiter, (attempt, frames, last, mark) in zip(taken.values(), answers, strict=True):
            if not waiter.done():
                is_over = bool(last) and is_terminal(last)
                waiter.set_result(Claim(attempt, frames, is_over, is_cancelled=bool(mark)))


def _fail(waiters: Iterable[asyncio.Future[Claim]], failure: RelayDown) -> None:
    for waiter in waiters:
        if not waiter.done():
            waiter.set_exception(failure)
