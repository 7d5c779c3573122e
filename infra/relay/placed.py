"""Logs whose frames each have their place: what is written twice stands there once, whoever writes it.

Such a log needs no claim. Its frames are decided in a transaction, with their places; who sends them may die
in the middle, and another sends them again.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from infra.relay.keys import claim_key, log_key
from infra.relay.line import PLACE_SCRIPT, ScriptLine

MISSING = -2
"""The script's answer where frames before these are gone."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Place:
    """Whose log it is, and where its frames go beside."""

    job_id: str
    tenant: str
    channel: str | None
    """Of the edge that waits; None when none does."""


class PlacedLogs:
    """Writes them."""

    def __init__(self, line: ScriptLine, retention: int) -> None:
        """`retention`: seconds for which a log is kept after its last frame."""
        self._line = line
        self._retention = retention

    async def write(self, place: Place, first_seq: int, frames: Sequence[bytes]) -> bool:
        """Put frames to their places; False where the log is lost, since Redis forgot what stood before.
        Raises RelayDown."""
        keys = [log_key(place.job_id), claim_key(place.job_id)]
        about: list[str | int | bytes] = [
            place.channel or "",
            self._retention,
            place.job_id,
            place.tenant,
            first_seq,
        ]
        answer = await self._line.call(PLACE_SCRIPT, keys, [*about, *frames])
        if answer == MISSING:
            log.warning("placed_log_lost", extra={"job_id": place.job_id, "seq": first_seq})
        return bool(answer != MISSING)
