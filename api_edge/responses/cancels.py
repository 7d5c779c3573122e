"""Tells responses to stop, by a word on their topic: whoever takes their next step ends them."""

import asyncio
import logging
from dataclasses import dataclass

from api_edge.deps import Edge
from api_edge.responses.finding import found, has_ended
from contracts.errors import ApiError, ErrorCode
from contracts.jobs import ResponseEnvelope, ResponseJob
from contracts.topics import RESPONSE
from infra.bus.errors import BusError
from infra.database import Database
from infra.store.responses import ResponseRow, locked_response

LOOK_SECONDS = 0.1
WAIT_SECONDS = 10.0
"""How long a canceller waits for the end."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Cancels:
    """The way to stop them."""

    edge: Edge
    database: Database
    wait_seconds: float = WAIT_SECONDS

    async def leave(self, response_id: str) -> None:
        """Nobody waits for it any more. What cannot be told now ends by its deadline."""
        try:
            async with self.database.begin() as session:
                row = await locked_response(session, response_id)
            if row is not None and not has_ended(row):
                await self._tell(row)
        except ApiError as error:
            log.warning("response_not_cancelled", extra={"response_id": response_id, "error": str(error)})

    async def end(self, row: ResponseRow) -> ResponseRow:
        """Stop it, and wait for its end; as it is then, or when the wait is over. Raises ApiError."""
        if has_ended(row):
            return row
        await self._tell(row)
        loop = asyncio.get_running_loop()
        until = loop.time() + self.wait_seconds
        while not has_ended(row) and loop.time() < until:
            await asyncio.sleep(LOOK_SECONDS)
            async with self.database.begin() as session:
                row = await found(session, row.tenant, row.response_id)
        return row

    async def _tell(self, row: ResponseRow) -> None:
        job = ResponseJob(response_id=row.response_id, is_cancelled=True)
        envelope = ResponseEnvelope.model_validate(row.envelope).model_copy(update={"job": job})
        headers = {"content-type": "application/json", **row.trace}
        key = envelope.job_id.encode()
        try:
            await self.edge.producer.send(RESPONSE, key, envelope.model_dump_json().encode(), headers)
        except BusError as error:
            message = "The response cannot be told to stop now; try again"
            raise ApiError(ErrorCode.DEPENDENCY_DOWN, message, retry_after=5) from error
