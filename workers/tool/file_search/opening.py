"""The three tools, on one database and one way to the providers."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from infra.database import Database
from infra.sealing import Sealer
from infra.settings import FileSearchSettings, ProviderSettings
from workers.tool.file_search.asking import open_asking
from workers.tool.file_search.deleting import DeleteTool
from workers.tool.file_search.embedding import Embedder, Known
from workers.tool.file_search.indexing import IndexTool
from workers.tool.file_search.querying import QueryTool
from workers.tool.ports import Tool


@asynccontextmanager
async def open_file_search(
    settings: FileSearchSettings,
    database: Database,
    registered: Known,
    providers: ProviderSettings,
    sealer: Sealer,
) -> AsyncIterator[Sequence[Tool]]:
    """file_search_index, _query and _delete; connections to providers are closed at the end.

    `registered`: as `infra.registry.reading.open_registered` gives it.
    """
    async with open_asking(providers, sealer, settings.embed_seconds) as asking:
        embedder = Embedder(settings, registered, asking)
        yield IndexTool(settings, database, embedder), QueryTool(database, embedder), DeleteTool(database)
