"""How a tool tells its caller how far it is: not too often, and never backwards."""

import math
from collections.abc import Callable

from contracts.tools.spec import ToolProgress

PAUSE = 0.05
"""Seconds between two words; what comes in between is not told, since the next one says more."""
MOST = 1_000
"""Words of one call."""
LONGEST = 1_000
"""Characters of one message."""


class Teller:
    """The mouth of one call."""

    def __init__(self, send: Callable[[ToolProgress], None], clock: Callable[[], float]) -> None:
        self._send = send
        self._clock = clock
        self._told = 0
        self._last = -math.inf
        self._next_at = -math.inf

    def tell(self, progress: ToolProgress) -> None:
        """Pass it on, unless it is too soon, too much, or says less than the last one."""
        now = self._clock()
        if now < self._next_at or self._told >= MOST or not self._last < progress.progress < math.inf:
            return
        self._told, self._last, self._next_at = self._told + 1, progress.progress, now + PAUSE
        message = progress.message
        self._send(progress.model_copy(update={"message": message and message[:LONGEST]}))
