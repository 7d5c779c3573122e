"""Getting hold of a job: waited for while another worker has it, and numbered above all that is known."""

import asyncio
import logging
from dataclasses import dataclass, replace
from typing import Any, Protocol

from contracts.envelope import Envelope
from infra.relay.claims import Claim, ClaimAsk
from infra.relay.redis import RelayDown

RETRY_SECONDS = 0.5

log = logging.getLogger(__name__)


class Claims(Protocol):
    """Hands out attempts."""

    async def take(self, ask: ClaimAsk) -> Claim:
        """Begin an attempt, unless the job is over or held. Raises RelayDown."""

    def end(self, job_id: str) -> None:
        """The job's log is closed."""

    async def release(self, job_id: str) -> None:
        """Hand the job back."""


@dataclass(frozen=True)
class Past:
    """What the ledger knows of a job whose attempts Redis forgot."""

    attempts: int = 0
    was_visible: bool = False
    """Whether a client may have seen a part of its answer."""


class Memory(Protocol):
    """What outlives Redis."""

    async def past_of(self, job_id: str) -> Past:
        """What is known of a job; nothing where it is unknown, or the memory is away."""


async def claim_job(
    claims: Claims, memory: Memory, envelope: Envelope[Any], redrive: int
) -> tuple[Claim, Past]:
    """An attempt, or the word that the job is over; and what was before Redis forgot, if it did.

    Waited for while another attempt holds the job; and, until the deadline, while Redis is away. Raises
    RelayDown.
    """
    ask = ClaimAsk(envelope.job_id, envelope.tenant, envelope.relay_epoch, redrive)
    claim = await _take(claims, ask, envelope)
    if not claim.is_forgotten or claim.is_over:
        return claim, Past()
    past = await memory.past_of(envelope.job_id)
    if past.attempts >= claim.attempt:  # numbers only rise, whatever Redis forgot
        await claims.release(envelope.job_id)
        again = await _take(claims, replace(ask, floor=past.attempts), envelope)
        claim = replace(again, lost=max(again.lost, 1))
    return claim, past


async def _take(claims: Claims, ask: ClaimAsk, envelope: Envelope[Any]) -> Claim:
    while True:
        try:
            claim = await claims.take(ask)
        except RelayDown as error:
            if envelope.is_expired():
                raise
            log.warning("claim_waits", extra={"job_id": ask.job_id, "error": str(error)})
        else:
            if not claim.held_for:
                return claim
        await asyncio.sleep(RETRY_SECONDS)
