"""The tools of other servers, as the tool worker opens them."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from contracts.tools.spec import ToolSpec
from infra.database import Database
from infra.notices import Notices, followed
from infra.sealing import SealBroken, Sealer
from infra.settings import McpSettings, ToolSettings
from infra.store.mcp_servers import McpServerRow
from infra.tools.servers import KnownServers, open_known_servers
from workers.runtime.rounds import kept_up
from workers.tool.ports import Tool
from workers.tool.remote.contact import Contact
from workers.tool.remote.schedule import RemoteTools
from workers.tool.remote.server import server_of
from workers.tool.remote.tool import RemoteTool

QUIET = ("mcp", "httpx2", "httpcore2")
"""Loggers of libraries that write down what is sent, and where to: secrets may stand in both."""


class Remote:
    """Finds the tool for a row of the catalog. Opened by `open_remote`."""

    def __init__(
        self, known: KnownServers, settings: McpSettings, tools: ToolSettings, sealer: Sealer
    ) -> None:
        self._known = known
        self._settings = settings
        self._most = 2 * tools.max_result  # what JSON text grows to by its escapes
        self._sealer = sealer
        self._contacts: dict[str, Contact] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def find(self, name: str, server: str, spec: ToolSpec) -> Tool | None:  # noqa: ARG002  the port's own shape
        """The tool of a server; None where the server is not known, or off. `spec`: under its own name."""
        row = self._known.current.get(server)
        if row is None:
            return None
        try:
            return RemoteTool(spec, self.contact(row), self._settings)
        except SealBroken:
            return None

    def contact(self, row: McpServerRow) -> Contact:
        """The way to a server as it is now; what was open to it as it was is closed. Raises SealBroken."""
        contact = self._contacts.get(row.name)
        if contact is None or contact.server.revision < row.revision:
            if contact is not None:
                self._close_later(contact)
            contact = Contact(server_of(row, self._sealer, self._settings), self._settings, self._most)
            self._contacts[row.name] = contact
        return contact

    async def close(self) -> None:
        """End all programs."""
        for contact in self._contacts.values():
            self._close_later(contact)
        await asyncio.gather(*self._closing, return_exceptions=True)

    def _close_later(self, contact: Contact) -> None:
        task = asyncio.create_task(contact.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


@asynccontextmanager
async def open_remote(
    settings: McpSettings, tools: ToolSettings, database: Database, notices: Notices, sealer: Sealer
) -> AsyncIterator[Remote]:
    """Other servers' tools, and the schedule that reads them, until the block ends. Raises ApiError."""
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    async with open_known_servers(database, notices) as known:
        remote = Remote(known, settings, tools, sealer)
        schedule = RemoteTools(remote.contact, database, notices, settings)
        try:
            async with followed(notices, schedule.heed, schedule.look), kept_up(schedule.keep):
                yield remote
        finally:
            await remote.close()
