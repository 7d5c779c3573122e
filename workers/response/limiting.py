"""Lets the turns of a response begin as long as its caller's budgets cover them.

The first turn takes over what the response was held for when it was let in; each later one is held for what
it is expected to use, until the ledger has written what it did use.
"""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Protocol

from contracts.envelope import Caller
from contracts.errors import ErrorDetail
from contracts.jobs import ResponseEnvelope
from contracts.responses.plan import ResponsePlan, TurnPlan
from infra.database import open_database
from infra.limits.errors import LimitsDown
from infra.limits.gate import Entry, Estimate, open_gate
from infra.limits.prices import Prices
from infra.limits.refusal import used_up
from infra.notices import open_notices
from infra.registry.costs import ExpectedCosts
from infra.registry.reading import open_registered
from infra.relay.redis import Connections
from infra.settings import LimitSettings, Settings
from infra.store.responses import ResponseRow

CONNECTIONS = 2

log = logging.getLogger(__name__)


class Turns(Protocol):
    """Limits, as far as turns need them."""

    async def refusal(
        self, row: ResponseRow, turn: TurnPlan, prompt_tokens: int, now: datetime
    ) -> ErrorDetail | None:
        """Why a turn may not begin; None: it is held for. Asked twice, it is held for once. Raises LimitsDown
        and DatabaseUnavailable."""


class UnlimitedTurns:
    """Limits, switched off."""

    async def refusal(
        self,
        row: ResponseRow,  # noqa: ARG002
        turn: TurnPlan,  # noqa: ARG002
        prompt_tokens: int,  # noqa: ARG002
        now: datetime,  # noqa: ARG002
    ) -> ErrorDetail | None:
        """Nothing is refused."""
        return None


class Gate(Protocol):
    """All limits of all tenants."""

    async def admit_turn(self, caller: Caller, job_id: str, estimate: Estimate, *, is_first: bool) -> Entry:
        """Let a turn of a job begin. Raises LimitsDown and ApiError."""


class LimitedTurns:
    """Limits, switched on."""

    def __init__(self, gate: Gate, settings: LimitSettings) -> None:
        self._gate = gate
        self._settings = settings

    async def refusal(
        self, row: ResponseRow, turn: TurnPlan, prompt_tokens: int, now: datetime
    ) -> ErrorDetail | None:
        """As above; while Redis is away, turns begin, unless that is to close the door."""
        envelope = ResponseEnvelope.model_validate(row.envelope)
        is_first = turn.number == 0
        seconds = max(0.0, (envelope.deadline - now).total_seconds())
        answer = 0 if is_first else self._answer_tokens(row)
        estimate = Estimate(turn.job_id, row.model, prompt_tokens, answer, seconds)
        try:
            entry = await self._gate.admit_turn(envelope.caller, envelope.job_id, estimate, is_first=is_first)
        except LimitsDown:
            if self._settings.without_redis == "closed":
                raise
            log.warning("turn_not_held", extra={"response_id": row.response_id, "turn": turn.number})
            return None
        return None if entry.verdict.is_allowed else used_up(entry).detail

    def _answer_tokens(self, row: ResponseRow) -> int:
        allowed = ResponsePlan.model_validate(row.plan).chat.get("max_tokens")
        return allowed if isinstance(allowed, int) else self._settings.answer_tokens


@asynccontextmanager
async def open_turns(redis: Connections, settings: Settings) -> AsyncIterator[Turns]:
    """The limits of turns, until the block ends. Steps ask amid their transactions: budgets are read by
    connections of their own, for which no step waits that holds one already."""
    if not settings.has_limits:
        yield UnlimitedTurns()
        return
    own = settings.database.model_copy(update={"pool_size": CONNECTIONS})
    async with (
        open_database(own) as database,
        open_notices(redis) as notices,
        open_registered(database, notices) as registered,
    ):
        costs = ExpectedCosts(registered, Prices(settings.limits.prices).cost)
        async with open_gate(database, notices, settings, cost=costs.of) as gate:
            yield LimitedTurns(gate, settings.limits)
