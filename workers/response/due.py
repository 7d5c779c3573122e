"""Looks at responses whose time has come, whatever nobody told: deadlines, calls that are late, lost words.

Each is looked at by one of all workers; and those whose time of keeping is over are deleted.
"""

import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from contracts.errors import ApiError
from infra.bus.errors import BusError
from infra.database import Database
from infra.relay.redis import RelayDown
from infra.store.responses import claim_due_response, forget_responses, next_response_due

LEASE = timedelta(seconds=30)
"""After which another look is due, should this one come to nothing."""
MOST_FORGOTTEN = 500
FORGET_EVERY = timedelta(minutes=10)
"""Between two looks for what is kept no longer."""

log = logging.getLogger(__name__)

Step = Callable[[str], Awaitable[None]]


class DueResponses:
    """The looks of this worker, as rounds have them."""

    def __init__(self, database: Database, step: Step) -> None:
        self._database = database
        self._step = step

    async def look_at_next(self) -> bool:
        """Take the next step of a response that is due; whether there was one. One that cannot be taken is
        tried again after the lease, and holds up no other. Raises ApiError."""
        now = datetime.now(UTC)
        async with self._database.begin() as session:
            response_id = await claim_due_response(session, now, now + LEASE)
        if response_id is None:
            return False
        try:
            await self._step(response_id)
        except (ApiError, BusError, RelayDown, ValueError) as error:
            about = {"response_id": response_id, "error": str(error)}
            log.warning("response_not_looked_at", extra=about)
        return True

    async def due_at(self) -> datetime | None:
        """When the next one is due. Raises ApiError."""
        async with self._database.begin() as session:
            return await next_response_due(session)

    async def forget_some(self) -> bool:
        """Delete some that are kept no longer; whether there may be more. Raises ApiError."""
        async with self._database.begin() as session:
            return await forget_responses(session, datetime.now(UTC), MOST_FORGOTTEN) == MOST_FORGOTTEN

    async def forget_at(self) -> datetime:
        """When it is looked again for what to delete."""
        return datetime.now(UTC) + FORGET_EVERY
