"""Accepts a response: its rows are committed before its word is produced, and gone again where that fails.

An edge that dies in between leaves a row that nobody heard of; a worker ends it when its time is over.
"""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from api_edge.deps import Asked, Edge
from api_edge.relay.running import Running
from api_edge.relay.submit import MayHaveArrived, Order, Wish, envelope_of, submit_job
from api_edge.responses.asking import Asking
from api_edge.responses.rows import item_rows, row_of
from contracts.errors import ApiError
from contracts.ids import response_id
from contracts.jobs import ResponseEnvelope, ResponseJob
from contracts.topics import RESPONSE
from infra.database import Database
from infra.settings import ResponseSettings
from infra.store.response_items import keep_items
from infra.store.responses import ResponseRow, keep_response, locked_response

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Accepted:
    """A response that is worked on from now on."""

    running: Running
    row: ResponseRow | None
    """As this request wrote it down; None where an earlier one did."""


@dataclass(frozen=True)
class Keeping:
    """Keeps what is accepted."""

    edge: Edge
    database: Database
    settings: ResponseSettings
    retention: float
    """Seconds for which a log, and what is not stored, is kept."""

    @asynccontextmanager
    async def submitted(self, asked: Asked, asking: Asking) -> AsyncIterator[Accepted]:
        """Accept a response; or follow the one that its idempotency key stands for. Raises ApiError."""
        made: list[ResponseRow] = []
        is_accepted = False

        async def make(order: Order) -> ResponseJob:
            job = ResponseJob(response_id=response_id(order.job_id))
            row = await self._keep(asked, asking, envelope_of(self.edge, asked, order, wish, job))
            if row is not None:
                made.append(row)
            return job

        lane, model = asking.wanted.lane(), asking.wanted.model
        wish = Wish("response", RESPONSE, ResponseEnvelope, lane, make, asking.seconds, model)
        try:
            async with submit_job(self.edge, asked, wish) as running:
                is_accepted = True
                yield Accepted(running, made[0] if made else None)
        except ApiError as error:
            leads_here = isinstance(error, MayHaveArrived) and asked.keyed is not None
            if made and not is_accepted and not leads_here:  # with a key, asking again goes on with it
                await self._take_back(made[0].response_id)
            raise

    async def _keep(self, asked: Asked, asking: Asking, envelope: ResponseEnvelope) -> ResponseRow | None:
        """Write it down; None where an edge that died did so before. Raises ApiError."""
        row = row_of(asking, envelope, asked.span, self.settings, retention=self.retention)
        async with self.database.begin() as session:
            if await locked_response(session, row.response_id) is not None:
                return None
            await keep_response(session, row)
            await keep_items(session, item_rows(asking, row))
        return row

    async def _take_back(self, named: str) -> None:
        """Nobody works on what is not there, should its word have arrived."""
        try:
            async with self.database.begin() as session:
                row = await locked_response(session, named)
                if row is not None:
                    await session.delete(row)
        except ApiError as error:
            log.warning("response_not_taken_back", extra={"response_id": named, "error": str(error)})
