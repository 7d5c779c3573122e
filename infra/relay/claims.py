"""A worker's hold on a job: the attempt number that every write of it carries."""

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass

from contracts.frames import is_terminal
from contracts.ids import new_ulid
from infra.relay.keys import EPOCH, claim_key, log_key
from infra.relay.line import CLAIM_SCRIPT, HOLD_SCRIPT, RELEASE_SCRIPT, ScriptLine
from infra.relay.redis import RelayDown

MOST_AT_ONCE = 256
"""Jobs of one call."""
RENEWALS = 4
"""Renewals within one lease: three may fail before a living worker loses a job."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ClaimAsk:
    """Which job is asked for, and what its record says of it."""

    job_id: str
    tenant: str
    epoch: str | None = None
    """Which life of Redis's memory it was accepted in; None where that is not known."""
    redrive: int = 0
    """How often it came back from the dead letters: one more than Redis knows opens a closed log again."""
    floor: int = 0
    """The least number that earlier attempts had, as known from elsewhere."""


@dataclass(frozen=True)
class Claim:
    """One attempt, and what earlier ones left in the log."""

    attempt: int
    """0 when none was given."""
    frames: int
    """Frames that stand in the log already."""
    last: bytes = b""
    """The last of them."""
    is_cancelled: bool = False
    """Whether the job was told to stop before it was claimed."""
    held_for: float = 0.0
    """Seconds for which another attempt's lease runs on, and none is given."""
    lost: int = 0
    """Earlier attempts that neither ended nor were handed back: their worker died."""
    is_forgotten: bool = False
    """No attempt is known, and Redis forgot what it knew since the job was accepted."""

    @property
    def is_over(self) -> bool:
        """Whether the log ends with a terminal frame: nothing is left to do."""
        return bool(self.last) and is_terminal(self.last)


class Claims:
    """Hands out attempts, each with a lease; taking one makes every earlier attempt stale.

    A job that a living worker holds is not given, to that worker neither: who is handed a partition, or the
    same job twice, waits for the jobs that still run, until their logs are closed or their worker renews its
    leases no more. Leases run on the server's clock. Claims gather while one call is in flight: load makes
    calls larger and not more.
    """

    def __init__(self, line: ScriptLine, worker: str, *, retention: int, lease: float) -> None:
        self._line = line
        self._worker = worker
        self._retention = retention
        self._lease = int(lease * 1000)
        self._held: dict[str, int] = {}
        self._waiting: dict[str, list[tuple[ClaimAsk, asyncio.Future[Claim]]]] = {}
        self._task: asyncio.Task[None] | None = None

    async def take(self, ask: ClaimAsk) -> Claim:
        """Begin an attempt at a job, unless it is over or held. Raises RelayDown."""
        loop = asyncio.get_running_loop()
        claimed: asyncio.Future[Claim] = loop.create_future()
        self._waiting.setdefault(ask.job_id, []).append((ask, claimed))
        if self._task is None:
            self._task = loop.create_task(self._take_all(), name="claims")
        return await claimed

    def end(self, job_id: str) -> None:
        """The job's log is closed: its lease needs no more care."""
        self._held.pop(job_id, None)

    async def release(self, job_id: str) -> None:
        """Hand a job back: another worker may have it at once, and the attempt does not count as lost.

        A failure is logged: the lease then runs out by itself.
        """
        attempt = self._held.pop(job_id, None)
        if attempt is None:
            return
        try:
            await self._line.call(RELEASE_SCRIPT, [claim_key(job_id)], [self._worker, attempt])
        except RelayDown as error:
            log.warning("lease_not_released", extra={"job_id": job_id, "error": str(error)})

    async def keep(self) -> None:
        """Until cancelled: renew every lease well before it runs out."""
        while True:
            await asyncio.sleep(self._lease / 1000 / RENEWALS)
            held = list(self._held.items())
            for at in range(0, len(held), MOST_AT_ONCE):
                await self._hold(dict(held[at : at + MOST_AT_ONCE]))

    async def _hold(self, held: dict[str, int]) -> None:
        try:
            await self._line.call(
                HOLD_SCRIPT,
                [claim_key(job_id) for job_id in held],
                [self._worker, self._lease, self._retention, *held.values()],
            )
        except RelayDown as error:
            log.warning("leases_not_renewed", extra={"jobs": len(held), "error": str(error)})

    async def _take_all(self) -> None:
        try:
            while self._waiting:
                await self._take_waiting()
        finally:
            self._task = None

    async def _take_waiting(self) -> None:
        """One attempt for each job that is waited for; of two waiters for one job, the second comes next."""
        taken = [asked.pop(0) for asked in list(self._waiting.values())[:MOST_AT_ONCE]]
        self._waiting = {job_id: asked for job_id, asked in self._waiting.items() if asked}
        keys = [EPOCH]
        args: list[str | int | bytes] = [self._worker, self._retention, self._lease, new_ulid()]
        for ask, _ in taken:
            keys += (claim_key(ask.job_id), log_key(ask.job_id))
            args += (ask.tenant, ask.epoch or "", ask.redrive, ask.floor)
        try:
            answers = await self._line.call(CLAIM_SCRIPT, keys, args)
        except RelayDown as failure:
            _fail((waiter for _, waiter in taken), failure)
            return
        for (ask, waiter), answer in zip(taken, answers, strict=True):
            if waiter.done():  # whoever asked has gone, so nobody runs it: the lease must run out
                continue
            claim = _claim(*answer)
            if claim.attempt:
                self._held[ask.job_id] = claim.attempt
            waiter.set_result(claim)


def _claim(attempt: int, frames: int, last: bytes, mark: int, left: int, lost: int, forgotten: int) -> Claim:  # noqa: PLR0913, PLR0917  the script's answer
    return Claim(attempt, frames, last, bool(mark), left / 1000, lost, bool(forgotten))


def _fail(waiters: Iterable[asyncio.Future[Claim]], failure: RelayDown) -> None:
    for waiter in waiters:
        if not waiter.done():
            waiter.set_exception(failure)
