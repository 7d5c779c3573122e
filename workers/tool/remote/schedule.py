"""Reads the lists of other servers' tools on a schedule, each time by one of all workers, and when told.

A server that is away keeps its tools: they are off, and say why, until it is back.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import mcp_types as types

from infra.database import Database, Transaction
from infra.notices import Notice, Notices
from infra.sealing import SealBroken
from infra.settings import McpSettings
from infra.store.mcp_servers import McpServerRow, claim_due_server, next_server_due, unchanged_server
from infra.store.mcp_tools import all_tools, offer_tool, switch_off, withdraw_tools
from infra.tools.reading import tell_changed
from infra.tools.servers import CHANGED
from workers.runtime.rounds import Rounds
from workers.tool.remote.contact import Contact
from workers.tool.remote.naming import taken_over
from workers.tool.remote.watching import RemoteTrouble

AT_ONCE = 8
"""Servers that are read at the same time: one that hangs holds up no other."""
LETTERS = 500
"""Of what is told of a reading."""

log = logging.getLogger(__name__)


class RemoteTools:
    """The schedule, as this worker keeps it."""

    def __init__(
        self,
        contact: Callable[[McpServerRow], Contact],
        database: Database,
        notices: Notices,
        settings: McpSettings,
    ) -> None:
        self._contact = contact
        self._database = database
        self._notices = notices
        self._settings = settings
        self._rounds = Rounds("mcp_tools_not_read", self.read_next, self._next_due, at_once=AT_ONCE)

    def heed(self, notice: Notice) -> None:
        """Something may be due."""
        if CHANGED in notice:
            self._rounds.wake()

    async def look(self) -> None:
        """The same, for all that was missed."""
        self._rounds.wake()

    async def keep(self) -> None:
        """Until cancelled: read every list that is due, several at once."""
        await self._rounds.keep()

    async def read_next(self) -> bool:
        """Read one list that is due; whether there was one. Raises DatabaseUnavailable."""
        now = datetime.now(UTC)
        async with self._database.begin() as session:
            row = await claim_due_server(session, now, self._lease())
        if row is None:
            return False
        try:
            tools = await self._listed(row)
        except (RemoteTrouble, SealBroken) as error:
            await self._missed(row, str(error))
        else:
            await self._take(row, tools)
        return True

    async def _listed(self, row: McpServerRow) -> Sequence[types.Tool]:
        """Raises RemoteTrouble, SealBroken."""
        seconds = self._settings.list_timeout
        try:
            async with asyncio.timeout(seconds), self._contact(row).speech() as speech:
                return await speech.tools(self._settings.max_tools)
        except TimeoutError as error:
            raise RemoteTrouble(f"it did not list its tools within {seconds:g} seconds") from error

    async def _take(self, claimed: McpServerRow, tools: Sequence[types.Tool]) -> None:
        now = datetime.now(UTC)
        async with self._database.begin() as session:
            row = await unchanged_server(session, claimed, now)
            if row is None:
                return
            others = {tool.name for tool in await all_tools(session) if tool.server != row.name}
            taken = taken_over(self._contact(row).server, tools, others)
            news = [
                await offer_tool(session, row.name, name, spec, now) for name, spec in taken.specs.items()
            ]
            gone = await withdraw_tools(session, row.name, list(taken.specs))
            row.synced_at, row.sync_due_at = now, now + timedelta(seconds=self._settings.sync_seconds)
            row.sync_error = "; ".join(taken.refused)[:LETTERS] or None
            await session.flush()
        if any(news) or gone:
            await tell_changed(self._notices)

    async def _missed(self, claimed: McpServerRow, why: str) -> None:
        """The server did not tell its tools: they are off, and it is asked again soon."""
        log.warning("mcp_tools_not_read", extra={"server": claimed.name, "error": why})
        now = datetime.now(UTC)
        async with self._database.begin() as session:
            row = await unchanged_server(session, claimed, now)
            if row is None:
                return
            is_new = await self._switched_off(session, row, why)
            row.sync_error = why[:LETTERS].replace("\0", "")
            row.sync_due_at = now + timedelta(seconds=self._settings.sync_seconds)
            await session.flush()
        if is_new:
            await tell_changed(self._notices)

    async def _switched_off(self, session: Transaction, row: McpServerRow, why: str) -> bool:
        reason = f"the server {row.name} failed: {why}"[:LETTERS].replace("\0", "")
        return await switch_off(session, row.name, reason)

    async def _next_due(self) -> datetime | None:
        async with self._database.begin() as session:
            return await next_server_due(session)

    def _lease(self) -> timedelta:
        return timedelta(seconds=2 * (self._settings.connect_timeout + self._settings.list_timeout))
