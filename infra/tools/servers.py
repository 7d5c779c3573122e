"""Other people's MCP servers, read from the database, and read again when somebody changed one."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from typing_extensions import override

from infra.database import Database
from infra.notices import Notices
from infra.rereading import Kept, kept
from infra.store.mcp_servers import McpServerRow, all_servers

CHANGED = "mcp_servers"
"""The field of a notice that says that a server was changed."""


class KnownServers(Kept[Mapping[str, McpServerRow]]):
    """The servers that are switched on, by name. Opened by `open_known_servers`."""

    changed = CHANGED

    def __init__(self, database: Database) -> None:
        super().__init__({})
        self._database = database

    @override
    async def read(self) -> Mapping[str, McpServerRow]:
        """As they stand in the database. Raises DatabaseUnavailable."""
        async with self._database.begin() as session:
            return {row.name: row for row in await all_servers(session) if row.is_enabled}


@asynccontextmanager
async def open_known_servers(database: Database, notices: Notices) -> AsyncIterator[KnownServers]:
    """Servers, kept as they are in the database until the block ends. Raises ApiError."""
    async with kept(notices, KnownServers(database)) as known:
        yield known


async def tell_servers_changed(notices: Notices) -> None:
    """Let every process read them again, after a change was committed."""
    await notices.tell({CHANGED: "1"})
