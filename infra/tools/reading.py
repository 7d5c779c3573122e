"""The catalog of tools, read from the database, and read again when somebody tells that it was changed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from typing_extensions import override

from infra.database import Database
from infra.notices import Notices
from infra.rereading import Kept, kept
from infra.store.mcp_tools import all_limits, all_tools
from infra.tools.catalog import Catalog, Entry, catalog_of

CHANGED = "tools"
"""The field of a notice that says that tools, or their limits, were changed."""


class KnownTools(Kept[Catalog]):
    """The catalog as this process knows it. Opened by `open_known_tools`."""

    changed = CHANGED

    def __init__(self, database: Database) -> None:
        super().__init__(catalog_of())
        self._database = database

    async def find(self, name: str, tenant: str) -> Entry | None:
        """A tool that a tenant may call; looked for again where that was not done a moment ago."""
        return self.current.find(name, tenant) or (await self.fresh()).find(name, tenant)

    @override
    async def read(self) -> Catalog:
        """As it stands in the database. Raises DatabaseUnavailable."""
        async with self._database.begin() as session:
            rows, limits = await all_tools(session), await all_limits(session)
        return catalog_of(rows, limits)


@asynccontextmanager
async def open_known_tools(database: Database, notices: Notices) -> AsyncIterator[KnownTools]:
    """A catalog that is kept as it is in the database until the block ends. Raises ApiError."""
    async with kept(notices, KnownTools(database)) as known:
        yield known


async def tell_changed(notices: Notices) -> None:
    """Let every process read the catalog again, after a change was committed."""
    await notices.tell({CHANGED: "1"})
