"""A worker's hold on a job: the attempt number that every write of it carries."""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from contracts.frames import is_terminal
from infra.relay.keys import claim_key, log_key
from infra.relay.line import CLAIM_SCRIPT, HOLD_SCRIPT, ScriptLine
from infra.relay.redis import RelayDown

MOST_AT_ONCE = 256
"""Jobs of one call."""
RENEWALS = 4
"""Renewals within one lease: three may fail before a living worker loses a job."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Claim:
    """One attempt, and what earlier ones left in the log."""

    attempt: int
    """0 when none was given."""
    frames: int
    """Frames that stand in the log already."""
    is_over: bool
    """Whether the log ends with a terminal frame: nothing is left to do."""
    is_cancelled: bool = False
    """Whether the job was told to stop before it was claimed."""
    held_for: float = 0.0
    """Seconds for which another worker's lease runs on, and no attempt is given."""


class Claims:
    """Hands out attempts, each with a lease; taking one makes every earlier attempt stale.

    A job that another living worker holds is not given: who is handed a partition waits for the jobs that
    still run elsewhere, until their logs are closed or their worker renews its leases no more. Leases run on
    the server's clock. Claims gather while one call is in flight: load makes calls larger and not more.
    """

    def __init__(self, line: ScriptLine, worker: str, *, retention: int, lease: float) -> None:
        self._line = line
        self._worker = worker
        self._retention = retention
        self._lease = lease
        self._held: set[str] = set()
        self._waiting: dict[str, list[asyncio.Future[Claim]]] = {}
        self._task: asyncio.Task[None] | None = None

    async def take(self, job_id: str) -> Claim:
        """Begin an attempt at a job, unless it is over or held. Raises RelayDown."""
        loop = asyncio.get_running_loop()
        claimed: asyncio.Future[Claim] = loop.create_future()
        self._waiting.setdefault(job_id, []).append(claimed)
        if self._task is None:
            self._task = loop.create_task(self._take_all(), name="claims")
        return await claimed

    def end(self, job_id: str) -> None:
        """The job's log is closed: its lease needs no more care."""
        self._held.discard(job_id)

    async def release(self, job_id: str) -> None:
        """Let another worker have the job at once. A failure is logged: the lease then runs out by itself."""
        self._held.discard(job_id)
        await self._hold([job_id], 0.0)

    async def keep(self) -> None:
        """Until cancelled: renew every lease well before it runs out."""
        while True:
            await asyncio.sleep(self._lease / RENEWALS)
            held = list(self._held)
            for at in range(0, len(held), MOST_AT_ONCE):
                await self._hold(held[at : at + MOST_AT_ONCE], self._lease)

    async def _hold(self, job_ids: Sequence[str], seconds: float) -> None:
        try:
            keys = [claim_key(job_id) for job_id in job_ids]
            await self._line.call(HOLD_SCRIPT, keys, [self._worker, int(seconds * 1000)])
        except RelayDown as error:
            log.warning("leases_not_renewed", extra={"jobs": len(job_ids), "error": str(error)})

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
                [self._worker, self._retention, int(self._lease * 1000)],
            )
        except RelayDown as failure:
            _fail(taken.values(), failure)
            return
        for (job_id, waiter), answer in zip(taken.items(), answers, strict=True):
            if waiter.done():  # whoever asked has gone, so nobody runs it: the lease must run out
                continue
            claim = _claim(*answer)
            if claim.attempt:
                self._held.add(job_id)
            waiter.set_result(claim)


def _claim(attempt: int, frames: int, last: bytes, mark: int, left: int) -> Claim:
    is_over = bool(last) and is_terminal(last)
    return Claim(attempt, frames, is_over, is_cancelled=bool(mark), held_for=left / 1000)


def _fail(waiters: Iterable[asyncio.Future[Claim]], failure: RelayDown) -> None:
    for waiter in waiters:
        if not waiter.done():
            waiter.set_exception(failure)
